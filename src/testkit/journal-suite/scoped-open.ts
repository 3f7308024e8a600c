/** Runs the suite through a scoped view, beside another tenant's events that no case may ever meet. */
import { scopeId } from '../../core/scope.js'
import { ScopedJournalStore } from '../../journal/scoped-store.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import { eventOf, journalOf } from './context.js'
import { pruneCases } from './prune.js'
import type { JournalSkip, OpenedJournal, OpenJournalSettings } from './options.js'

/** For the suite's `open`; pass `scopedJournalSkips` as its `skip`. */
export function scopedJournalOpen<Tx>(
  open: (settings: OpenJournalSettings) => Promise<OpenedJournal<Tx>>, scope = 'tenant-7',
): (settings: OpenJournalSettings) => Promise<OpenedJournal<Tx>> {
  return async (settings) => {
    const opened = await open(settings)
    const store = new ScopedJournalStore<unknown>(opened.store, scopeId('tenant-70'))
    const neighbour = journalOf({ store })
    const events = [eventOf({ tags: ['red', 'blue'] }), eventOf({ payload: 'of the neighbour' })]
    await neighbour.appendAlone(events, { idempotencyKey: 'key-1' })
    return {
      ...opened,
      store: new ScopedJournalStore(opened.store, scopeId(scope)),
      ...(opened.outbox && { outbox: new ScopedOutboxStore(opened.outbox, scopeId(scope)) }),
    }
  }
}

/** The cases that ask a store for all scopes at once, which a view never answers, or prune it. */
export const scopedJournalSkips: readonly JournalSkip[] = [
  ...['journal-scope-2', 'journal-scope-3', 'journal-scope-5']
    .map((id) => ({ case: id, reason: 'a view sees one scope only' })),
  ...pruneCases.map(({ id }) => ({ case: id, reason: 'a journal is pruned as a whole' })),
]
