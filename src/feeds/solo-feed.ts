/** A feed of a store without transactions: each commit takes effect by itself, entirely or not at all. */
import type { ChangeDraft, RowDraft } from './changes.js'
import { Feed, commitResult, NOT_ADVANCED, type CommitResult, type FeedPorts } from './feed.js'
import type { FeedSettings } from './feed-options.js'
import type { FeedState } from './result.js'

export interface SoloFeedPorts extends FeedPorts<undefined> {
  readonly onCommit: () => void
}

export class SoloFeed extends Feed<undefined> {
  readonly #onCommit: () => void

  constructor(ports: SoloFeedPorts, settings: FeedSettings) {
    super(ports, settings)
    this.#onCommit = ports.onCommit
  }

  /** As `TransactionFeed.commit`, without a transaction: nothing of yours is committed with it. */
  async commit(changes: readonly ChangeDraft[]): Promise<CommitResult> {
    return this.commitMany([changes])
  }

  /** Several results at once, in this order. At most 1,000. */
  async commitMany(results: readonly (readonly ChangeDraft[])[]): Promise<CommitResult> {
    const commit = this.encode(results)
    if (commit.results.length === 0) return NOT_ADVANCED
    const state = await this.write(undefined, commit)
    this.#onCommit()
    return commitResult(state)
  }

  /** As `TransactionFeed.bootstrap`, in batches that take effect one after another. */
  async bootstrap(rows: Iterable<RowDraft> | AsyncIterable<RowDraft>): Promise<number> {
    return this.fill(undefined, rows)
  }

  /** Empties the feed under a new incarnation. */
  async reset(): Promise<FeedState> {
    return this.renew(undefined)
  }

  /** Removes the feed. False when there is none. */
  async delete(): Promise<boolean> {
    return this.store.delete(undefined, this.settings.key)
  }
}
