/** How a commit is written, whether the store's calls are awaited or return at once. */
import { randomUUID } from 'node:crypto'
import { WaybillError } from '../core/errors.js'
import type { EncodedCommit } from './changes.js'
import type { FeedCommit, NewFeed } from './contract.js'
import type { FeedSettings } from './feed-options.js'
import type { FeedState } from './result.js'

/** One call of the store; what it answers comes back. */
export type FeedCall =
  | { readonly kind: 'commit'; readonly commit: FeedCommit }
  | { readonly kind: 'open' | 'reset'; readonly feed: NewFeed }

export type FeedSteps<T> = Generator<FeedCall, T, FeedState | undefined>

/** Feeds that change under the same configuration as often as this in one commit are being fought over. */
const MAX_ROUNDS = 3

/**
 * Commits; where there is no feed, or one of another configuration, makes it ready first.
 * @throws CONFIG_CHANGED, TRANSACTION_ABORTED.
 */
export function* writeSteps(settings: FeedSettings, { results, mutations }: EncodedCommit): FeedSteps<FeedState> {
  const { name, key: feed, configHash, capacity } = settings
  for (let round = 0; round < MAX_ROUNDS; round += 1) {
    const state = yield { kind: 'commit', commit: { feed, configHash, capacity, results, mutations } }
    if (state !== undefined) return state
    yield* openSteps(settings)
  }
  throw new WaybillError('TRANSACTION_ABORTED', `feed '${name}' was deleted or reset while it was committed to`,
    { retryable: true })
}

function* openSteps({ name, key, configHash, capacity, onConfigChange }: FeedSettings): FeedSteps<void> {
  const feed = { feed: key, configHash, capacity, incarnation: randomUUID() }
  const state = yield { kind: 'open', feed }
  if (state === undefined) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
  if (state.configHash === configHash) return
  if (onConfigChange !== 'reset') {
    throw new WaybillError('CONFIG_CHANGED', `feed '${name}' holds results of another configuration: reset it, or `
      + "open it with onConfigChange: 'reset'", { details: { feed: name, stored: state.configHash, configHash } })
  }
  yield { kind: 'reset', feed }
}
