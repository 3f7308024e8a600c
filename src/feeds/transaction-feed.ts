/** A feed that is committed to in the caller's transaction. */
import type { ChangeDraft, RowDraft } from './changes.js'
import { Feed, commitResult, missingTransaction, NOT_ADVANCED, type CommitResult, type FeedPorts } from './feed.js'
import type { FeedSettings } from './feed-options.js'
import type { FeedState } from './result.js'

export interface TransactionFeedPorts<Tx, Handle> extends FeedPorts<Tx> {
  /** @throws NOT_IN_TRANSACTION. */
  readonly bind: (handle: Handle) => Tx
  /** Told of every commit, so that subscribers look at once. A hint: they also poll. */
  readonly onCommit: (tx: Handle | undefined) => void
}

export class TransactionFeed<Tx, Handle = Tx> extends Feed<Tx> {
  readonly #bind: (handle: Handle) => Tx
  protected readonly onCommit: (tx: Handle | undefined) => void

  constructor(ports: TransactionFeedPorts<Tx, Handle>, settings: FeedSettings) {
    super(ports, settings)
    this.#bind = ports.bind
    this.onCommit = ports.onCommit
  }

  /**
   * Makes one result of these changes and applies them to the rows, in the caller's transaction: log, rows and sequence
   * change together, if and only if that commits. Who else commits to the feed waits for its end. At most 10,000
   * changes; nothing but `noop` changes nothing. A feed that is not there yet is made.
   * @throws NOT_IN_TRANSACTION, VALIDATION, PAYLOAD_TOO_LARGE, CONFIG_CHANGED; after these the transaction stays
   *   usable. TRANSACTION_ABORTED (retry the whole transaction), RANGE_EXHAUSTED.
   * @example
   * await feed.commit(tx, [{ op: 'update', key: order.id, after: order }])
   */
  async commit(tx: Handle, changes: readonly ChangeDraft[]): Promise<CommitResult> {
    return this.commitMany(tx, [changes])
  }

  /** Several results at once, in this order. At most 1,000. */
  async commitMany(tx: Handle, results: readonly (readonly ChangeDraft[])[]): Promise<CommitResult> {
    const commit = this.encode(results)
    const bound = this.#bound(tx, 'commit')
    if (commit.results.length === 0) return NOT_ADVANCED
    const state = await this.write(bound, commit)
    this.onCommit(tx)
    return commitResult(state)
  }

  /**
   * The same in a transaction of its own, for callers that have no other write to make with it. On PostgreSQL that is
   * under READ COMMITTED, so it is not aborted for having waited.
   */
  async commitAlone(changes: readonly ChangeDraft[]): Promise<CommitResult> {
    const commit = this.encode([changes])
    if (commit.results.length === 0) return NOT_ADVANCED
    const state = await this.store.transaction((tx) => this.write(tx, commit))
    this.onCommit(undefined)
    return commitResult(state)
  }

  /**
   * Puts rows in that were there before the feed was: they are in snapshots, and no result tells of them, so who
   * follows already does not learn of them. Answers how many that were.
   */
  async bootstrap(tx: Handle, rows: Iterable<RowDraft> | AsyncIterable<RowDraft>): Promise<number> {
    return this.fill(this.#bound(tx, 'bootstrap'), rows)
  }

  /** Empties the feed under a new incarnation: subscribers learn of it, and follow their recovery policy. */
  async reset(tx: Handle): Promise<FeedState> {
    return this.renew(this.#bound(tx, 'reset'))
  }

  /** Removes the feed. False when there is none. The next commit makes it anew. */
  async delete(tx: Handle): Promise<boolean> {
    return this.store.delete(this.#bound(tx, 'delete'), this.settings.key)
  }

  #bound(tx: Handle, method: string): Tx {
    if (tx === undefined || tx === null) throw missingTransaction(method)
    return this.#bind(tx)
  }
}
