/** What a producer that was killed had done, by its journal. */
import { readJournal } from './merge.js'

interface TransactionEvent {
  readonly kind: string
  readonly at: number
  readonly tx: string
}

export interface Remains {
  /** Transactions that began and did not end, as far as it could write. */
  readonly open: readonly string[]
  /** What was written in those that are known to have committed. */
  readonly committed: number
}

export function remainsOf(path: string): Remains {
  const open = new Map<string, number>()
  let committed = 0
  for (const { kind, tx } of readJournal<TransactionEvent>(path)) {
    if (kind === 'begin') open.set(tx, 0)
    else if (kind === 'committed' || kind === 'aborted' || kind === 'unknown') {
      if (kind === 'committed') committed += open.get(tx) ?? 0
      open.delete(tx)
    } else if (open.has(tx)) open.set(tx, (open.get(tx) ?? 0) + 1)
  }
  return { open: [...open.keys()], committed }
}
