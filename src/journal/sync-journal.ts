/** The journal where transactions are synchronous: `append` also in a form that returns at once. */
import { WaybillError } from '../core/errors.js'
import type { OutboxMessageDraft } from '../outbox/message.js'
import type { AppendResult, JournalEventDraft, NewBatch } from './event.js'
import { eventMessages } from './event-message.js'
import {
  Journal, missingTransaction, type AppendToOptions, type JournalOptions, type JournalOutbox, type OnAppend,
} from './journal.js'
import type { JournalStore } from './contract.js'
import type { FollowerRecords } from './journal-followers.js'

export interface SyncJournalPorts<Handle> {
  /** In the view's scope. */
  append(tx: Handle, batch: NewBatch): AppendResult
  enqueue(tx: Handle, drafts: readonly OutboxMessageDraft[]): unknown
}

export class SyncJournal<Tx, Handle = Tx> extends Journal<Tx, Handle> {
  readonly #sync: SyncJournalPorts<Handle>

  constructor(
    store: JournalStore<Tx>, bind: (handle: Handle) => Tx, options: JournalOptions, outbox: JournalOutbox<Tx, Handle>,
    onAppend: OnAppend<Handle>, followers: FollowerRecords, sync: SyncJournalPorts<Handle>,
  ) {
    super(store, bind, options, outbox, onAppend, followers)
    this.#sync = sync
  }

  /** As `append`. */
  appendSync(tx: Handle, events: readonly JournalEventDraft[], options: AppendToOptions = {}): AppendResult {
    const { batch, message } = this.encode(events, options)
    if (tx === undefined || tx === null) throw missingTransaction('appendSync')
    if (batch.events.length === 0) return { created: true, events: [] }
    const result = this.#sync.append(tx, batch)
    if (result.events.length !== events.length) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
    if (message !== undefined && result.created) this.#sync.enqueue(tx, eventMessages(batch, result.events, message))
    this.onAppend(tx)
    return result
  }
}
