/**
 * Appends of one transaction, one after another, also when the caller awaits none of them. A client queues statements,
 * not appends: where an append is several statements, those of two would mix, and the later of two events of a
 * stream could get the lower position.
 */
const last = new WeakMap<object, Promise<unknown>>()

export function inAppendTurn<T>(handle: unknown, append: () => Promise<T>): Promise<T> {
  if ((typeof handle !== 'object' && typeof handle !== 'function') || handle === null) return append()
  const before = last.get(handle)
  const turn = before === undefined ? append() : before.then(append, append)
  last.set(handle, turn)
  const leave = (): void => {
    if (last.get(handle) === turn) last.delete(handle)
  }
  turn.then(leave, leave)
  return turn
}
