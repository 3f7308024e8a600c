/** A feed where transactions are synchronous: `commit` also in a form that returns at once. */
import type { ChangeDraft, EncodedCommit } from './changes.js'
import type { SyncFeeds } from './contract.js'
import { commitResult, missingTransaction, NOT_ADVANCED, type CommitResult } from './feed.js'
import type { FeedSettings } from './feed-options.js'
import type { FeedState } from './result.js'
import { TransactionFeed, type TransactionFeedPorts } from './transaction-feed.js'
import { writeSteps } from './write-steps.js'

export interface SyncFeedPorts<Tx, Handle> extends TransactionFeedPorts<Tx, Handle> {
  readonly sync: SyncFeeds<Handle>
}

export class SyncFeed<Tx, Handle = Tx> extends TransactionFeed<Tx, Handle> {
  readonly #sync: SyncFeeds<Handle>

  constructor(ports: SyncFeedPorts<Tx, Handle>, settings: FeedSettings) {
    super(ports, settings)
    this.#sync = ports.sync
  }

  /** As `commit`. */
  commitSync(tx: Handle, changes: readonly ChangeDraft[]): CommitResult {
    return this.commitManySync(tx, [changes])
  }

  /** As `commitMany`. */
  commitManySync(tx: Handle, results: readonly (readonly ChangeDraft[])[]): CommitResult {
    const commit = this.encode(results)
    if (tx === undefined || tx === null) throw missingTransaction('commitSync')
    if (commit.results.length === 0) return NOT_ADVANCED
    const state = this.#writeSync(tx, commit)
    this.onCommit(tx)
    return commitResult(state)
  }

  #writeSync(tx: Handle, commit: EncodedCommit): FeedState {
    const steps = writeSteps(this.settings, commit)
    let next = steps.next()
    while (next.done !== true) {
      const { value: call } = next
      next = steps.next(call.kind === 'commit' ? this.#sync.commit(tx, call.commit)
        : this.#sync[call.kind](tx, call.feed))
    }
    return next.value
  }
}

/** The same for handles that are to be bound. */
export function boundSyncFeeds<Handle, Tx>(feeds: SyncFeeds<Tx>, bind: (handle: Handle) => Tx): SyncFeeds<Handle> {
  return {
    open: (handle, feed) => feeds.open(bind(handle), feed),
    commit: (handle, commit) => feeds.commit(bind(handle), commit),
    reset: (handle, feed) => feeds.reset(bind(handle), feed),
  }
}
