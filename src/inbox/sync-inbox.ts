/** The inbox where transactions are synchronous: `process` also in a form that returns at once. */
import { validationError } from '../core/errors.js'
import type { InboxStore, SyncInboxRecords } from './contract.js'
import { assertFunction, assertInboxStore, Inbox, type InboxPorts } from './inbox.js'
import {
  assertTransaction, onlyAnswer, recordRequest, skipOf, type InboxResult, type ProcessOptions,
} from './request.js'

export interface SyncInboxPorts<Tx, Handle> extends InboxPorts<Tx, Handle> {
  readonly sync: SyncInboxRecords<Handle>
}

export class SyncInbox<Tx, Handle = Tx> extends Inbox<Tx, Handle> {
  readonly #sync: SyncInboxRecords<Handle>

  constructor(ports: SyncInboxPorts<Tx, Handle>) {
    super(ports)
    this.#sync = ports.sync
  }

  /**
   * As `process`. `fn` must not answer a promise: its work would go on after the commit.
   * @throws VALIDATION when it does; the record is taken back, and the transaction should be rolled back.
   */
  processSync<T>(
    tx: Handle, consumer: string, messageId: string, fn: (tx: Handle) => T, options: ProcessOptions = {},
  ): InboxResult<T> {
    assertFunction(fn)
    const request = recordRequest(this.ports.scope, consumer, [messageId], options)
    assertTransaction(tx, 'processSync')
    const answer = onlyAnswer(this.#sync.record(tx, request))
    if (answer.kind !== 'new') return { processed: false, ...skipOf(answer) }
    try {
      const value = fn(tx)
      if (isPromiseLike(value)) throw validationError('fn', 'must not answer a promise')
      return { processed: true, value }
    } catch (error) {
      this.#takeBack(tx, request)
      throw error
    }
  }

  #takeBack(tx: Handle, request: ReturnType<typeof recordRequest>): void {
    try {
      this.#sync.takeBack(tx, request, request.messageIds)
    } catch {
      // The transaction cannot commit either.
    }
  }
}

function isPromiseLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

/** A store whose transactions are synchronous gives an inbox with `processSync`. */
export type InboxFor<Tx, Handle, Sync> = Sync extends true ? SyncInbox<Tx, Handle> : Inbox<Tx, Handle>

export interface OpenInboxPorts<Tx, SyncTx, Handle> extends Omit<InboxPorts<Tx, Handle>, 'store'> {
  /** The store's. */
  readonly name: string
  readonly store: InboxStore<Tx> | undefined
  readonly sync: SyncInboxRecords<SyncTx> | undefined
  readonly bindSync: ((handle: Handle) => SyncTx) | undefined
}

/** @throws CONFIG_INVALID. */
export function openInbox<Tx, SyncTx, Handle, Sync>(
  { name, store, sync, bindSync, ...ports }: OpenInboxPorts<Tx, SyncTx, Handle>,
): InboxFor<Tx, Handle, Sync> {
  const opened = { ...ports, store: assertInboxStore(name, store) }
  const inbox = sync === undefined || bindSync === undefined ? new Inbox(opened)
    : new SyncInbox({ ...opened, sync: boundRecords(sync, bindSync) })
  return inbox as InboxFor<Tx, Handle, Sync>
}

/** The same for handles that are to be bound. */
function boundRecords<Handle, Tx>(
  records: SyncInboxRecords<Tx>, bind: (handle: Handle) => Tx,
): SyncInboxRecords<Handle> {
  return {
    record: (handle, request) => records.record(bind(handle), request),
    takeBack: (handle, place, ids) => records.takeBack(bind(handle), place, ids),
  }
}
