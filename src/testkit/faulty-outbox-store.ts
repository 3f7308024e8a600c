/**
 * A store whose calls go wrong on plan: refused before they take effect, lost after they took effect (the
 * connection broke while the answer was on its way), or held up. What callers can rely on then is checked
 * by the cases `fault-*`.
 */
import { WaybillError } from '../core/errors.js'
import type { OutboxStore } from '../outbox/contract.js'

export type FaultyMethod = Exclude<keyof OutboxStore, 'capabilities'>

/**
 * - `none`: the call goes through.
 * - `before`: throws STORE_UNAVAILABLE and does nothing.
 * - `after`: takes effect, then throws STORE_UNAVAILABLE.
 * - `slow`: lets everything else that is ready run, before and after.
 * - a function: runs before the call.
 */
export type Fault = 'none' | 'before' | 'after' | 'slow' | (() => Promise<void>)

/** The faults of a method's first calls, in order. `rest` is asked for every call after them. */
export type FaultPlan = Partial<Record<FaultyMethod, readonly Fault[]>> & { readonly rest?: () => Fault }

export function faultyOutboxStore<Tx>(store: OutboxStore<Tx>, plan: FaultPlan): OutboxStore<Tx> {
  const calls = new Map<FaultyMethod, number>()
  const next = (method: FaultyMethod): Fault => {
    const call = calls.get(method) ?? 0
    calls.set(method, call + 1)
    return plan[method]?.[call] ?? plan.rest?.() ?? 'none'
  }
  const run = async <T>(method: FaultyMethod, call: () => Promise<T>): Promise<T> => {
    const fault = next(method)
    if (fault === 'before') throw unavailable(method)
    if (fault === 'slow') await turn()
    if (typeof fault === 'function') await fault()
    const answer = await call()
    if (fault === 'after') throw unavailable(method)
    if (fault === 'slow') await turn()
    return answer
  }
  return {
    get capabilities() {
      return store.capabilities
    },
    enqueueMany: (tx, messages) => run('enqueueMany', () => store.enqueueMany(tx, messages)),
    transaction: (work) => run('transaction', () => store.transaction(work)),
    claim: (request) => run('claim', () => store.claim(request)),
    settle: (request) => run('settle', () => store.settle(request)),
    extend: (request) => run('extend', () => store.extend(request)),
    get: (ids, scope) => run('get', () => store.get(ids, scope)),
    list: (filter) => run('list', () => store.list(filter)),
    stats: (filter) => run('stats', () => store.stats(filter)),
    purge: (request) => run('purge', () => store.purge(request)),
    failures: (id, scope) => run('failures', () => store.failures(id, scope)),
    resolveDead: (request) => run('resolveDead', () => store.resolveDead(request)),
    edits: (id, scope) => run('edits', () => store.edits(id, scope)),
    quarantine: (request) => run('quarantine', () => store.quarantine(request)),
    setPaused: (request) => run('setPaused', () => store.setPaused(request)),
    settings: () => run('settings', () => store.settings()),
    migrate: (lanes) => run('migrate', () => store.migrate(lanes)),
    close: () => run('close', () => store.close()),
  }
}

const turn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

function unavailable(method: FaultyMethod): WaybillError {
  return new WaybillError('STORE_UNAVAILABLE', `planned fault in ${method}`,
    { retryable: true, details: { method } })
}
