/** Runs the suite through a scoped view, beside another tenant's messages that no case may ever meet. */
import { scopeId } from '../../core/scope.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import { draftOf, outboxOf } from './context.js'
import type { OpenedOutbox, OpenSettings, OutboxSkip } from './options.js'

/** For the suite's `open`; pass `scopedSkips` as its `skip`. */
export function scopedOpen<Tx>(
  open: (settings: OpenSettings) => Promise<OpenedOutbox<Tx>>, scope = 'tenant-7',
): (settings: OpenSettings) => Promise<OpenedOutbox<Tx>> {
  return async (settings) => {
    const opened = await open(settings)
    const neighbour = outboxOf(new ScopedOutboxStore<unknown>(opened.store, scopeId('tenant-70')))
    await neighbour.enqueueAlone(draftOf({ dedupeKey: 'order-7', payload: 'of the neighbour' }))
    await neighbour.enqueueAlone(draftOf({ key: 'customer-1' }))
    return {
      store: new ScopedOutboxStore(opened.store, scopeId(scope)),
      begin: (isolation) => opened.begin(isolation),
      close: () => opened.close(),
    }
  }
}

/** The cases that ask a store for all scopes at once, which a view never answers. */
export const scopedSkips: readonly OutboxSkip[] = [
  { case: 'scope-9', reason: 'a view claims one scope only' },
  ...['scope-10', 'fair-1', 'fair-2', 'fair-3', 'fair-4', 'order-20', 'quarantine-7']
    .map((id) => ({ case: id, reason: 'a view claims one scope only' })),
]
