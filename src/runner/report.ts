/**
 * What a runner tells about itself: totals to read, and events to listen to.
 *
 * Telling never changes what happens: a listener that throws, or whose promise rejects, is not heard
 * of again in that call. Nothing here is a Node `EventEmitter`; an `error` nobody listens to is no crash.
 */
import { validationError } from '../core/errors.js'
import { quietly } from './quietly.js'
import type { Answer, RunnerItem } from './source.js'
import type { Ended } from './settle.js'

/** One try of one item. */
export interface TryEvent {
  readonly id: string
  /** Of messages and events. */
  readonly type: string | undefined
  readonly attempt: number
  /** How long it took; 0 when it was not started. */
  readonly ms: number
}

export interface RunnerEvents {
  readonly claimed: { readonly count: number; readonly suspect: boolean }
  readonly delivered: TryEvent
  readonly requeued: TryEvent & { readonly error: string; readonly retryInMs: number }
  readonly deadLettered: TryEvent & { readonly error: string }
  /** Given back, the attempt not spent: not started, or throttled (then with `error` and `retryInMs`). */
  readonly released: TryEvent & { readonly error: string | undefined; readonly retryInMs: number | undefined }
  readonly lostClaim: { readonly id: string }
  /** The source refused or failed; the runner goes on by itself. */
  readonly error: { readonly operation: 'pull' | 'settle' | 'extend'; readonly error: unknown }
  /** All that was due is done. Told once, until there is work again. */
  readonly idle: Record<never, never>
}

export type RunnerEventName = keyof RunnerEvents

const RUNNER_EVENT_NAMES: readonly RunnerEventName[] = [
  'claimed', 'delivered', 'requeued', 'deadLettered', 'released', 'lostClaim', 'error', 'idle',
]

/** What happened to items. */
export interface RunCounts {
  readonly claimed: number
  readonly delivered: number
  readonly requeued: number
  readonly deadLettered: number
  readonly released: number
  readonly lostClaims: number
}

/** Totals since the runner was made, and what it holds now. */
export interface RunnerCounters extends RunCounts {
  readonly timeouts: number
  readonly storeErrors: number
  readonly inFlight: number
  /** Claimed, not started. */
  readonly buffered: number
  readonly bytesInFlight: number
}

type Totals = { -readonly [Name in keyof RunCounts]: number } & { timeouts: number; storeErrors: number }

type Listener = (event: never) => unknown

export class Report {
  readonly totals: Totals = {
    claimed: 0, delivered: 0, requeued: 0, deadLettered: 0, released: 0, lostClaims: 0,
    timeouts: 0, storeErrors: 0,
  }
  private readonly listeners = new Map<RunnerEventName, Set<Listener>>()

  on<Name extends RunnerEventName>(name: Name, listener: (event: RunnerEvents[Name]) => unknown): () => void {
    if (!RUNNER_EVENT_NAMES.includes(name)) {
      throw validationError('event', `must be one of ${RUNNER_EVENT_NAMES.join(', ')}`)
    }
    // Wrapped, so that one function that is registered twice is called twice and taken off one by one.
    const own = (event: RunnerEvents[Name]): unknown => listener(event)
    const those = this.listeners.get(name) ?? new Set<Listener>()
    this.listeners.set(name, those.add(own))
    return () => void those.delete(own)
  }

  emit<Name extends RunnerEventName>(name: Name, event: RunnerEvents[Name]): void {
    const those = this.listeners.get(name)
    if (those === undefined) return
    for (const listener of those) quietly(() => listener(event as never))
  }

  claimed(count: number, suspect: boolean): void {
    this.totals.claimed += count
    this.emit('claimed', { count, suspect })
  }

  storeError(operation: RunnerEvents['error']['operation'], error: unknown): void {
    this.totals.storeErrors += 1
    this.emit('error', { operation, error })
  }

  answered({ item, outcome, ms }: Ended<RunnerItem>, answer: Answer): void {
    const { id, type, attempt } = item
    if (answer === 'delivered') {
      this.totals.delivered += 1
      // What happens most is made into an event only for those who listen.
      if (this.listeners.has('delivered')) this.emit('delivered', { id, type, attempt, ms })
      return
    }
    const error = 'error' in outcome ? outcome.error : undefined
    const retryInMs = 'retryInMs' in outcome ? outcome.retryInMs : undefined
    switch (answer) {
      case 'requeued':
        this.totals.requeued += 1
        return this.emit('requeued', { id, type, attempt, ms, error: error ?? '', retryInMs: retryInMs ?? 0 })
      case 'dead_lettered':
        this.totals.deadLettered += 1
        return this.emit('deadLettered', { id, type, attempt, ms, error: error ?? '' })
      case 'released':
        this.totals.released += 1
        return this.emit('released', { id, type, attempt, ms, error, retryInMs })
      case 'lost_claim':
        this.totals.lostClaims += 1
        return this.emit('lostClaim', { id })
    }
  }
}

const ZERO_COUNTS: RunCounts = {
  claimed: 0, delivered: 0, requeued: 0, deadLettered: 0, released: 0, lostClaims: 0,
}
const ZERO_COUNTERS: RunnerCounters = {
  ...ZERO_COUNTS, timeouts: 0, storeErrors: 0, inFlight: 0, buffered: 0, bytesInFlight: 0,
}

/** What happened between two readings. */
export function difference(before: RunCounts, after: RunCounts): RunCounts {
  return combine(ZERO_COUNTS, (name) => after[name] - before[name])
}

export function sumCounts(counts: readonly RunCounts[]): RunCounts {
  return combine(ZERO_COUNTS, (name) => counts.reduce((sum, one) => sum + one[name], 0))
}

export function sumCounters(counters: readonly RunnerCounters[]): RunnerCounters {
  return combine(ZERO_COUNTERS, (name) => counters.reduce((sum, one) => sum + one[name], 0))
}

function combine<T extends object>(zero: T, valueOf: (name: keyof T) => number): T {
  const names = Object.keys(zero) as (keyof T)[]
  return Object.freeze(Object.fromEntries(names.map((name) => [name, valueOf(name)]))) as T
}
