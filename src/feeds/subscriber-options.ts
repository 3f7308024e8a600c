/** What a subscriber can be told. */
import { newConsumer } from '../core/environment.js'
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_LEASE_MS, MAX_NAME_BYTES } from '../core/limits.js'
import { retryPolicy } from '../core/retry.js'
import { DEFAULT_SCOPE, scopedName, type ScopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import type { RunnerLogger } from '../runner/log.js'
import type { Meter } from '../runner/meter.js'
import type { RunnerOptions } from '../runner/options.js'
import type { CheckpointStore } from './checkpoints.js'
import type { AnyFeed } from './feed.js'
import type { GapReport, RecoveryPolicy } from './feed-recovery.js'
import type { Result } from './result.js'
import type { FeedSnapshot } from './snapshot.js'

/**
 * Where a feed is begun that the subscriber has no checkpoint of:
 * - `head`: with what is committed from now on. A feed that is not there yet is read from its first result on.
 * - `earliest`: with the first result that is kept.
 * - `snapshot`: `onSnapshot` gets all rows, and what follows them comes as results.
 */
export type SubscriberStart = 'head' | 'earliest' | 'snapshot'

/**
 * What to do when a result cannot be handled:
 * - `block`: its feed waits and the result is tried again, for ever. Other feeds go on.
 * - `dead_letter`: after `maxAttempts`, or at once when trying again cannot help, it is set aside; its feed goes on.
 * - `stop`: at that point the subscriber stops with the error. Started again, it tries again.
 *
 * A snapshot cannot be set aside: with `dead_letter`, too, it is tried again.
 */
export type ResultFailurePolicy = 'block' | 'dead_letter' | 'stop'

export interface ResultContext {
  /** As it was given to the subscriber. */
  readonly feed: AnyFeed
  /** Aborted when the time for this try is over, or when the subscriber was stopped and could not wait. */
  readonly signal: AbortSignal
  /** The number of this try, from 1. Counted by the process: another one begins at 1. */
  readonly attempt: number
  /** Grows with each process that becomes the subscriber. A receiver may refuse a lower one than it has seen. */
  readonly term: bigint
}

export interface SnapshotContext extends ResultContext {
  /** False at the start; true when it is in place of results that are gone. */
  readonly isReset: boolean
}

/** How many results `onBatch` gets. The faster they come, the more. */
export interface BatchingOptions {
  /** Fewer are given only when the first of them has waited `maxWaitMs`, and when a batch failed. Default 1. */
  readonly minSize?: number | undefined
  /** At least `minSize`, at most 1,000. Default 100. */
  readonly maxSize?: number | undefined
  /** The longest a result waits for others, 0…60,000. Default 50. */
  readonly maxWaitMs?: number | undefined
}

export interface SubscriberCommonOptions extends Omit<RunnerOptions, 'wake' | 'maxAgeMs' | 'settleEveryMs'> {
  /** Its checkpoints are kept under this id; of the processes with the same id one is active. At most 255 bytes. */
  readonly id: string
  /** 1…1,000, none twice. */
  readonly feeds: readonly AnyFeed[]
  /** Default `head`. */
  readonly start?: SubscriberStart | undefined
  /** Default `strict`. */
  readonly recovery?: RecoveryPolicy | undefined
  /**
   * Has taken the rows over when it returns, or when its promise resolves: then the checkpoint is the snapshot's own.
   * Of one feed at a time. `timeoutMs` holds for it, too: give time enough for all rows.
   */
  readonly onSnapshot?: ((snapshot: FeedSnapshot, context: SnapshotContext) => unknown) | undefined
  /** Told what is lost, or will be; what it throws changes nothing. After a crash it may be told again. */
  readonly onGap?: ((report: GapReport) => unknown) | undefined
  /** Default `block`. */
  readonly onFailure?: ResultFailurePolicy | undefined
  /** Tries of one result before it is a dead letter or a reason to stop, 1…1,000. Default 20. */
  readonly maxAttempts?: number | undefined
  /** Refuses stores that do not survive a crash, of checkpoints and of feeds. Default false. */
  readonly durable?: boolean | undefined
  /** Keeps the checkpoints elsewhere. Default the store's own. */
  readonly checkpoints?: CheckpointStore | undefined
  /** How long it is this process's without renewal, so how long a crash delays it. At most a day, default 30 s. */
  readonly leaseMs?: number | undefined
  /** Checkpoints are saved after so many results, 1…100,000. Default 1,000. */
  readonly saveEvery?: number | undefined
  /** And not later than so many milliseconds after a result. Default 50. */
  readonly saveEveryMs?: number | undefined
  /** Who works: one name for each process. Default `<host>:<process>:<random>`. */
  readonly consumer?: string | undefined
  readonly logger?: RunnerLogger | undefined
  /** Counts and times the tries, by outcome and type: the `Meter` of `@opentelemetry/api`, or alike. Default none. */
  readonly meter?: Meter | undefined
}

export interface ResultSubscriberOptions extends SubscriberCommonOptions {
  /** Has handled the result when it returns, or when its promise resolves. */
  readonly onResult: (result: Result, context: ResultContext) => unknown
  readonly onBatch?: undefined
  readonly batching?: undefined
}

export interface BatchSubscriberOptions extends SubscriberCommonOptions {
  /**
   * Gets results of one feed, in order, and has handled all of them when it returns, or when its promise resolves. A
   * batch that fails is tried again in halves, so that a result that cannot be handled ends up alone.
   */
  readonly onBatch: (results: readonly Result[], context: ResultContext) => unknown
  readonly batching?: BatchingOptions | undefined
  readonly onResult?: undefined
}

export type SubscriberOptions = ResultSubscriberOptions | BatchSubscriberOptions

export interface BatchBounds {
  readonly minSize: number
  readonly maxSize: number
  readonly maxWaitMs: number
}

export interface SubscriberSettings {
  readonly id: string
  /** As it is stored: a scope's subscribers are its own. */
  readonly key: string
  readonly feeds: readonly AnyFeed[]
  readonly start: SubscriberStart
  readonly recovery: RecoveryPolicy
  readonly onFailure: ResultFailurePolicy
  readonly maxAttempts: number
  readonly leaseMs: number
  readonly saveEvery: number
  readonly saveEveryMs: number
  readonly pollMaxMs: number
  readonly owner: string
  /** Undefined where results are given one by one. */
  readonly bounds: BatchBounds | undefined
  /** Items of one pull: at least one of each feed. */
  readonly batch: number
  /** Between tries of a result that nothing but a new version can handle. */
  readonly longestRetryMs: number
}

const DEFAULT_RESULTS_READ = 1_000
const MAX_FEEDS = 1_000

/** @throws VALIDATION naming the option, CONFIG_INVALID naming the rule. The runner checks its own options. */
export function subscriberSettings(
  options: SubscriberOptions, scope: ScopeId | undefined, checkpoints: CheckpointStore,
): SubscriberSettings {
  const id = assertName('id', options.id, MAX_NAME_BYTES)
  const { start = 'head', recovery = 'strict', onFailure = 'block' } = options
  oneOf('start', start, ['head', 'earliest', 'snapshot'])
  oneOf('recovery', recovery, ['strict', 'auto_reset', 'auto_skip_gap'])
  oneOf('onFailure', onFailure, ['block', 'dead_letter', 'stop'])
  checkHandlers(options)
  const feeds = checkFeeds(options.feeds)
  checkRules({ ...options, start, recovery }, checkpoints)
  return {
    id, key: scopedName(scope ?? DEFAULT_SCOPE, id), feeds, start, recovery, onFailure,
    maxAttempts: assertInteger('maxAttempts', options.maxAttempts ?? 20, 1, 1_000),
    leaseMs: assertDuration('leaseMs', options.leaseMs ?? 30_000, 1, MAX_LEASE_MS),
    saveEvery: assertInteger('saveEvery', options.saveEvery ?? 1_000, 1, 100_000),
    saveEveryMs: assertDuration('saveEveryMs', options.saveEveryMs ?? 50, 0, 60_000),
    pollMaxMs: assertDuration('pollMaxMs', options.pollMaxMs ?? 250, 1, 2 ** 31 - 1),
    owner: assertName('consumer', options.consumer ?? newConsumer(), MAX_NAME_BYTES),
    bounds: options.onBatch === undefined ? undefined : batchBounds(options.batching ?? {}),
    batch: Math.max(assertInteger('batch', options.batch ?? DEFAULT_RESULTS_READ, 1, 1_000), feeds.length),
    longestRetryMs: retryPolicy(options.retry).maxMs,
  }
}

function checkHandlers({ onResult, onBatch, batching, onSnapshot, onGap }: SubscriberOptions): void {
  if ((onResult === undefined) === (onBatch === undefined)) {
    throw validationError('onResult', 'or onBatch is required, and not both')
  }
  if (onBatch === undefined && batching !== undefined) throw validationError('batching', 'is for onBatch')
  for (const [name, handler] of Object.entries({ onResult, onBatch, onSnapshot, onGap })) {
    if (handler !== undefined && typeof handler !== 'function') throw validationError(name, 'must be a function')
  }
}

function checkFeeds(feeds: readonly AnyFeed[]): readonly AnyFeed[] {
  if (!Array.isArray(feeds)) throw validationError('feeds', 'must be an array')
  assertInteger('feeds.length', feeds.length, 1, MAX_FEEDS)
  if (feeds.some((feed: AnyFeed | undefined) => typeof feed?.key !== 'string')) {
    throw validationError('feeds', 'must be feeds, as waybill.feed makes them')
  }
  if (new Set(feeds.map(({ key }) => key)).size < feeds.length) throw validationError('feeds', 'has one of them twice')
  return [...feeds]
}

function batchBounds({ minSize = 1, maxSize, maxWaitMs = 50 }: BatchingOptions): BatchBounds {
  const min = assertInteger('batching.minSize', minSize, 1, 1_000)
  return {
    minSize: min,
    maxSize: assertInteger('batching.maxSize', maxSize ?? Math.max(min, 100), min, 1_000),
    maxWaitMs: assertDuration('batching.maxWaitMs', maxWaitMs, 0, 60_000),
  }
}

/** Combinations that would lose what they promise to keep, or promise what never happens. */
function checkRules(
  { start, recovery, onSnapshot, durable, feeds }: SubscriberOptions, checkpoints: CheckpointStore,
): void {
  if (start === 'snapshot' && onSnapshot === undefined) {
    throw ruleBroken('snapshot_no_handler', "start: 'snapshot' needs onSnapshot")
  }
  if (recovery === 'auto_reset' && onSnapshot === undefined) {
    throw ruleBroken('auto_reset_no_handler', "recovery: 'auto_reset' needs onSnapshot")
  }
  if (recovery === 'auto_skip_gap' && onSnapshot !== undefined) {
    throw ruleBroken('snapshot_skip_gap', "recovery: 'auto_skip_gap' leaves what onSnapshot has made without the "
      + 'results that were skipped: recover by auto_reset, or leave onSnapshot out')
  }
  if (durable !== true) return
  if (!checkpoints.capabilities.durable) {
    throw ruleBroken('durable_volatile_checkpoints', 'durable: the checkpoints are in a store that does not survive')
  }
  const volatile = feeds.find(({ store }) => !store.capabilities.durable)
  if (volatile !== undefined) {
    throw ruleBroken('durable_volatile_feed', `durable: feed '${volatile.name}' is in a store that does not survive`)
  }
}

function ruleBroken(rule: string, message: string): WaybillError {
  return new WaybillError('CONFIG_INVALID', message, { details: { rule } })
}

function oneOf(field: string, value: string, allowed: readonly string[]): void {
  if (!allowed.includes(value)) throw validationError(field, `must be one of ${allowed.join(', ')}`)
}
