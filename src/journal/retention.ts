/**
 * How long a journal keeps its events: until they are old enough and every follower has passed them.
 *
 * First it is asked what is old by now, then each follower how far it is, then events up to the lowest of it all are
 * removed. In this order nothing is missed: an event that a follower was not asked about has committed since, and the
 * store removes none of those.
 */
import { DEFAULT_JOURNAL_RETENTION_MS } from '../core/limits.js'
import { assertDuration } from '../core/validate.js'
import type { JournalStore } from './contract.js'
import { journalFollowers, type FollowerLoss, type FollowerRecords, type JournalFollower } from './journal-followers.js'

export interface PruneOptions {
  /** Only events that are at least so old, by the store's clock. Default 7 days; 0 for all. */
  readonly olderThanMs?: number | undefined
  /** Removes nothing, and says what would go. Default false. */
  readonly dryRun?: boolean | undefined
  /** Does not care for followers, nor whether there are any; the report says what each loses. Default false. */
  readonly force?: boolean | undefined
  /** Ends between batches; what is removed stays removed. */
  readonly signal?: AbortSignal | undefined
  /** Called after each batch with how many events are removed by now. */
  readonly onProgress?: ((removed: number) => void) | undefined
}

export interface PruneReport {
  readonly removed: number
  /** Events that may go and are still there: of a dry run, one that was ended, or where somebody was in the way. */
  readonly remaining: number
  /** Somebody held what was to be removed: a long transaction, or another prune. The next call goes on. */
  readonly isBusy: boolean
  /** Events up to this position may go; 0 when none may. */
  readonly upTo: bigint
  /** Followers that keep events which are old enough, the one that is furthest behind first. */
  readonly heldBackBy: readonly string[]
  /** With `force`: followers that lose events which they have not passed. */
  readonly lost: readonly FollowerLoss[]
}

const NOTHING: PruneReport = { removed: 0, remaining: 0, isBusy: false, upTo: 0n, heldBackBy: [], lost: [] }

export class Retention {
  readonly #store: JournalStore
  readonly #records: FollowerRecords

  constructor(store: JournalStore, records: FollowerRecords) {
    this.#store = store
    this.#records = records
  }

  async prune(options: PruneOptions): Promise<PruneReport> {
    const { dryRun = false, force = false, signal, onProgress } = options
    const ageMs = assertDuration('olderThanMs', options.olderThanMs ?? DEFAULT_JOURNAL_RETENTION_MS)
    const aged = await this.#store.aged(ageMs)
    if (aged.upTo === 0n) return NOTHING
    const followers: JournalFollower[] = []
    for await (const follower of journalFollowers(this.#store, this.#records, force ? aged.upTo : undefined)) {
      followers.push(follower)
    }
    const behind = followers.filter(({ lowWater }) => lowWater < aged.upTo)
      .sort((a, b) => (a.lowWater < b.lowWater ? -1 : 1))
    const report = {
      heldBackBy: force ? [] : behind.map(({ publisher }) => publisher),
      lost: force ? behind.map(({ loss }) => loss).filter(({ events }) => events > 0) : [],
    }
    // Without any follower, somebody may still be about to come.
    if (followers.length === 0 && !force) return NOTHING
    const bounds = followers.map(({ lowWater, keepsAbove }) => (force ? keepsAbove : lowWater))
    const upTo = bounds.reduce((low, bound) => (bound < low ? bound : low), aged.upTo)
    if (upTo === 0n) return { ...NOTHING, ...report }
    return { ...await this.#store.prune({ upTo, asOf: aged.asOf, dryRun, signal, onProgress }), upTo, ...report }
  }
}
