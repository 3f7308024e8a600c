/** What a publisher can be told. */
import { newConsumer } from '../core/environment.js'
import { validationError } from '../core/errors.js'
import { MAX_LEASE_MS, MAX_NAME_BYTES } from '../core/limits.js'
import { retryPolicy } from '../core/retry.js'
import { scopedKey, scopeOfKey, type ScopeId } from '../core/scope.js'
import type { Transport } from '../core/transport.js'
import { assertDuration, assertInteger, assertName } from '../core/validate.js'
import type { RunnerLogger } from '../runner/log.js'
import type { Meter } from '../runner/meter.js'
import type { RunnerOptions } from '../runner/options.js'
import type { DeliverContext } from '../runner/source.js'
import type { JournalEvent } from './event.js'
import { followed, type Follow, type FollowedEvents } from './follow.js'
import type { OffsetStore } from './offset-store.js'

/** What a publish function gets: the stored event, its payload read, and the number of this try. */
export interface PublishedEvent extends Omit<JournalEvent, 'payload'> {
  /** What the codec reads, brought to the newest shape by `upcast`; bytes when the content type is not the codec's. */
  readonly payload: unknown
  /** The payload as it was appended. */
  readonly bytes: Uint8Array
  /** From 1. */
  readonly attempt: number
}

/** Brings a payload of one manifest to the next. */
export type Upcast = (payload: unknown, event: JournalEvent) => { readonly manifest: string; readonly payload: unknown }

/**
 * What to do when an event cannot be published:
 * - `hold`: its stream waits and the event is tried again, for ever. Other streams go on.
 * - `dead_letter`: after `maxAttempts`, or at once when trying again cannot help, it is set aside; its stream goes on.
 * - `stop`: at that point the publisher stops with the error. Started again, it tries again.
 */
export type FailurePolicy = 'hold' | 'dead_letter' | 'stop'

export interface PublisherCommonOptions extends Omit<RunnerOptions, 'wake' | 'maxAgeMs' | 'settleEveryMs'> {
  /**
   * Its progress is kept under this name; processes with the same name share the work. At most 255 bytes. In an
   * unscoped view not of the form of `scopedKey`, which is for the publishers of scopes.
   */
  readonly name: string
  /** Default everything. Fixed with the name; to change it, rebase. */
  readonly follow?: Follow | undefined
  /** Where a new publisher begins: at the first event, behind the last one, or at a cursor. Default `earliest`. */
  readonly start?: 'earliest' | 'head' | { readonly cursor: string } | undefined
  /** Also for each event. Default `hold`. */
  readonly onFailure?: FailurePolicy | ((event: JournalEvent) => FailurePolicy) | undefined
  /** Tries of one event before it is a dead letter or a reason to stop, 1…1,000. Default 20. */
  readonly maxAttempts?: number | undefined
  /** Streams of a part that may be held before no new events are read for it, 1…10,000. Default 1,000. */
  readonly maxHeldStreams?: number | undefined
  /** How long a part is this process's without renewal, so how long a crash delays it. At most a day, default 30 s. */
  readonly leaseMs?: number | undefined
  /** Progress is saved after so many events, 1…100,000. Default 1,000. */
  readonly saveEvery?: number | undefined
  /** And not later than so many milliseconds after an event. Default 50. */
  readonly saveEveryMs?: number | undefined
  /** By manifest: how a payload of it becomes one of the next. Applied until there is none. */
  readonly upcast?: Readonly<Record<string, Upcast>> | undefined
  /** Keeps the progress elsewhere: for one active process, without dead letters. Default: leased parts in the store. */
  readonly progress?: OffsetStore | undefined
  /** Who works, as `waybill journal publishers` shows it. Default `<host>:<process>:<random>`. */
  readonly consumer?: string | undefined
  readonly logger?: RunnerLogger | undefined
  /** Counts and times the tries, by outcome and type: the `Meter` of `@opentelemetry/api`, or alike. Default none. */
  readonly meter?: Meter | undefined
}

export interface PublishOptions extends PublisherCommonOptions {
  /** Has published when it returns, or when its promise resolves. */
  readonly publish: (event: PublishedEvent, context: DeliverContext) => unknown
  readonly transport?: undefined
}

export interface PublishToTransportOptions extends PublisherCommonOptions {
  /** Is not closed by the publisher. */
  readonly transport: Transport
  readonly publish?: undefined
}

export type PublisherOptions = PublishOptions | PublishToTransportOptions

export interface PublisherSettings {
  /** As it is stored: a scope's publishers are its own. */
  readonly name: string
  readonly follow: FollowedEvents
  readonly start: 'earliest' | 'head' | { readonly cursor: string }
  readonly policyOf: (event: JournalEvent) => FailurePolicy
  readonly maxAttempts: number
  readonly maxHeldStreams: number
  readonly leaseMs: number
  readonly saveEvery: number
  readonly saveEveryMs: number
  readonly owner: string
  /** Between tries of an event that nothing but a new version can publish. */
  readonly longestRetryMs: number
  readonly keepsDeadLetters: boolean
}

const POLICIES: readonly FailurePolicy[] = ['hold', 'dead_letter', 'stop']

/** @throws VALIDATION naming the option. The runner checks its own. */
export function publisherSettings(
  options: PublisherCommonOptions, scope: ScopeId | undefined,
): PublisherSettings {
  const name = assertName('name', options.name, MAX_NAME_BYTES)
  if (scope === undefined && scopeOfKey(name) !== undefined) {
    throw validationError('name', 'is that of a scope: make it with waybill.scoped')
  }
  const { start = 'earliest', onFailure = 'hold', progress } = options
  if (start !== 'earliest' && start !== 'head' && typeof start.cursor !== 'string') {
    throw validationError('start', `must be 'earliest', 'head' or { cursor }`)
  }
  const policyOf = typeof onFailure === 'function' ? onFailure : () => onFailure
  if (typeof onFailure !== 'function' && !POLICIES.includes(onFailure)) {
    throw validationError('onFailure', `must be one of ${POLICIES.join(', ')}, or a function`)
  }
  if (progress !== undefined && (onFailure === 'dead_letter' || start !== 'earliest')) {
    throw validationError('progress', 'an offset store keeps no dead letters, and begins at the first event')
  }
  return {
    name: scope === undefined ? name : scopedKey(scope, name),
    follow: followed(options.follow),
    start, policyOf,
    maxAttempts: assertInteger('maxAttempts', options.maxAttempts ?? 20, 1, 1_000),
    maxHeldStreams: assertInteger('maxHeldStreams', options.maxHeldStreams ?? 1_000, 1, 10_000),
    leaseMs: assertDuration('leaseMs', options.leaseMs ?? 30_000, 1, MAX_LEASE_MS),
    saveEvery: assertInteger('saveEvery', options.saveEvery ?? 1_000, 1, 100_000),
    saveEveryMs: assertDuration('saveEveryMs', options.saveEveryMs ?? 50, 0, 60_000),
    keepsDeadLetters: progress === undefined,
    longestRetryMs: retryPolicy(options.retry).maxMs,
    owner: assertName('consumer', options.consumer ?? newConsumer(), MAX_NAME_BYTES),
  }
}
