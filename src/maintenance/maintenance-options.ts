/** What a maintenance can be told, with every default and bound in one place. */
import { monotonicMs, pause } from '../core/environment.js'
import { validationError } from '../core/errors.js'
import { MAX_NAME_BYTES, MAX_PURGE_LIMIT } from '../core/limits.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import { MAX_TIMER_MS } from '../runner/options.js'
import type { PaceSettings } from './batch-pace.js'
import {
  MAINTAINED_KINDS, type ChoreAges, type MaintainedKind, type MaintainedStore, type RetentionAge,
} from './chores.js'
import type { BatchReport, MaintenanceReport } from './report.js'

/** How often the seed's garbage collector comes round, and so a maintenance: every hour. */
export const DEFAULT_MAINTENANCE_INTERVAL_MS = 3_600_000

export interface MaintenanceOptions {
  /**
   * How old each kind is when it goes, in milliseconds; `'never'` keeps it. Default 7 days, and for `delivered` what
   * the store was made with: a day.
   */
  readonly olderThanMs?: Readonly<Partial<Record<MaintainedKind, RetentionAge>>> | undefined
  /** The same for the inbox records of single consumers. Default that of `inbox`. */
  readonly consumersOlderThanMs?: Readonly<Record<string, RetentionAge>> | undefined
  /** Stores that are looked after with this one, such as a Redis. Default none. */
  readonly also?: readonly MaintainedStore[] | undefined
  /** From the end of a pass to the next, 1 ms to 2³¹−1 ms. Default 3,600,000: an hour. */
  readonly intervalMs?: number | undefined
  /**
   * How long a batch should take beyond what any batch has to: one that takes longer is followed by a smaller one. 1 ms
   * to 60 s. Default 10, and 1 where a store has one writer at a time, which everybody else waits for.
   */
  readonly batchMs?: number | undefined
  /** The fewest of a batch, however long it takes. 1…100,000. Default 20. */
  readonly minBatch?: number | undefined
  /** The most of a batch. 1…100,000. Default 5,000, and 50 where a store has one writer at a time. */
  readonly maxBatch?: number | undefined
  /**
   * The share of the time that batches may take, 0.001…1: it rests after each for the others' part, at most 20 s.
   * Once a pass has lasted longer than `intervalMs` it is a tenth, if that is more. Default 1/200, and 1/40 where a
   * store has one writer at a time, whose batches are short.
   */
  readonly share?: number | undefined
  /** The shortest rest after a batch. 0…60 s. Default 20. */
  readonly pauseMs?: number | undefined
  /** Stops the maintenance when aborted. */
  readonly signal?: AbortSignal | undefined
  /** Told of each pass that has ended, also of one that another process does. What it throws is not heard of. */
  readonly onReport?: ((report: MaintenanceReport) => unknown) | undefined
  /** Told of each batch. What it throws is not heard of. */
  readonly onBatch?: ((batch: BatchReport) => unknown) | undefined
  /** Told of a kind that could not be removed, and of a pass that failed as a whole; the next comes all the same. */
  readonly onError?: ((error: unknown, kind: MaintainedKind | undefined) => unknown) | undefined
  /** For tests: what it takes from its surroundings. */
  readonly time?: Partial<MaintenanceTime> | undefined
}

export interface MaintenanceTime {
  readonly monotonicMs: () => number
  readonly pause: typeof pause
}

/** Validated, with defaults. */
export interface MaintenanceSettings extends Pick<MaintenanceOptions, 'signal' | 'onReport' | 'onBatch' | 'onError'> {
  readonly ages: ChoreAges
  readonly also: readonly MaintainedStore[]
  readonly intervalMs: number
  readonly pace: PaceSettings
  readonly time: MaintenanceTime
}

/**
 * A batch slows whoever is beside it, and fewer than one transaction in a hundred is to be. Longer batches remove more
 * in the same share, and are felt longer by the few.
 */
const PACE = { batchMs: 10, maxBatch: 5_000, share: 1 / 200 }
/**
 * Everybody else waits for a batch, asleep for a millisecond at least: one that is shorter than that delays nobody by
 * more than two writers who meet delay each other anyway.
 */
const ONE_WRITER_PACE = { batchMs: 1, maxBatch: 50, share: 1 / 40 }

/** @throws VALIDATION naming the option. */
export function maintenanceSettings(options: MaintenanceOptions, store: MaintainedStore): MaintenanceSettings {
  const pace = store.outbox?.capabilities.concurrentTransactions === false ? ONE_WRITER_PACE : PACE
  const { signal, onReport, onBatch, onError } = options
  for (const [name, listener] of Object.entries({ onReport, onBatch, onError })) {
    if (listener !== undefined && typeof listener !== 'function') throw validationError(name, 'must be a function')
  }
  const maxBatch = assertInteger('maxBatch', options.maxBatch ?? pace.maxBatch, 1, MAX_PURGE_LIMIT)
  const intervalMs = assertDuration(
    'intervalMs', options.intervalMs ?? DEFAULT_MAINTENANCE_INTERVAL_MS, 1, MAX_TIMER_MS)
  return {
    signal, onReport, onBatch, onError, intervalMs,
    ages: { kinds: kindAges(options.olderThanMs), consumers: consumerAges(options.consumersOlderThanMs) },
    also: alsoStores(options.also),
    pace: {
      passMs: intervalMs,
      minBatch: assertInteger('minBatch', options.minBatch ?? Math.min(20, maxBatch), 1, maxBatch),
      maxBatch,
      batchMs: assertDuration('batchMs', options.batchMs ?? pace.batchMs, 1, 60_000),
      share: assertShare('share', options.share ?? pace.share),
      pauseMs: assertDuration('pauseMs', options.pauseMs ?? 20, 0, 60_000),
    },
    time: { monotonicMs, pause, ...options.time },
  }
}

function kindAges(ages: MaintenanceOptions['olderThanMs'] = {}): ChoreAges['kinds'] {
  assertRecord('olderThanMs', ages)
  const unknown = Object.keys(ages).find((kind) => !(MAINTAINED_KINDS as readonly string[]).includes(kind))
  if (unknown !== undefined) {
    throw validationError(`olderThanMs.${unknown}`, `is unknown; there are ${MAINTAINED_KINDS.join(', ')}`)
  }
  return checkedAges('olderThanMs', ages)
}

function consumerAges(ages: MaintenanceOptions['consumersOlderThanMs'] = {}): ChoreAges['consumers'] {
  assertRecord('consumersOlderThanMs', ages)
  for (const consumer of Object.keys(ages)) assertName('consumersOlderThanMs', consumer, MAX_NAME_BYTES)
  return checkedAges('consumersOlderThanMs', ages)
}

function checkedAges(field: string, ages: object): Record<string, RetentionAge> {
  const given = Object.entries(ages).filter(([, age]) => age !== undefined)
  return Object.fromEntries(given.map(([name, age]: [string, unknown]) => (
    [name, age === 'never' ? age : assertAge(`${field}.${name}`, age)])))
}

function assertAge(field: string, age: unknown): number {
  if (typeof age !== 'number') throw validationError(field, `must be milliseconds or 'never'`)
  return assertDuration(field, age)
}

function assertShare(field: string, share: unknown): number {
  if (typeof share !== 'number' || !(share >= 0.001 && share <= 1)) {
    throw validationError(field, 'must be a number, 0.001…1')
  }
  return share
}

function alsoStores(stores: MaintenanceOptions['also'] = []): readonly MaintainedStore[] {
  if (!Array.isArray(stores)) throw validationError('also', 'must be a list of stores')
  for (const store of stores) assertName('also', (store as Partial<MaintainedStore> | null)?.name, MAX_NAME_BYTES)
  return [...stores]
}

function assertRecord(field: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw validationError(field, 'must be an object')
  }
}
