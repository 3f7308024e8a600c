/** What a runner can be told, with every default and bound in one place. */
import { monotonicMs, pause, systemRandom, type Random } from '../core/environment.js'
import { MAX_CLAIM_LIMIT } from '../core/limits.js'
import { retryPolicy, type RetryPolicy } from '../core/retry.js'
import { assertDuration, assertInteger } from '../core/validate.js'
import type { WakeHub } from './wake.js'

export interface RunnerOptions {
  /** The most items of one pull, 1…1,000. Default 100. About twice as many are held at a time. */
  readonly batch?: number | undefined
  /** The most deliveries at a time, 1…10,000. Default 10. */
  readonly concurrency?: number | undefined
  /** The most bytes under delivery at a time; a larger item is delivered alone. Default 16 MiB. */
  readonly maxInFlightBytes?: number | undefined
  /** How long one delivery may take, at least 1 ms. Default 30,000. */
  readonly timeoutMs?: number | undefined
  readonly retry?: Partial<RetryPolicy> | undefined
  /** How long an item may be turned away as throttled before it is given up. Default 24 h. */
  readonly maxAgeMs?: number | undefined
  /** The longest wait between two looks when nothing wakes the runner. Default 250. */
  readonly pollMaxMs?: number | undefined
  /** The longest an outcome waits for others before it is written. Default 50. */
  readonly settleEveryMs?: number | undefined
  /** Stops the runner when aborted. */
  readonly signal?: AbortSignal | undefined
  /** What cuts the wait short. */
  readonly wake?: RunnerWake | undefined
  /** For tests: what the runner takes from its surroundings. */
  readonly time?: Partial<RunnerTime> | undefined
}

export interface RunnerWake {
  readonly hub: WakeHub
  readonly topics: readonly string[]
}

export interface RunnerTime {
  readonly monotonicMs: () => number
  readonly random: Random
  readonly pause: typeof pause
}

/** Validated, with defaults. */
export interface RunnerSettings {
  readonly batch: number
  readonly concurrency: number
  readonly maxInFlightBytes: number
  readonly timeoutMs: number
  readonly retry: RetryPolicy
  readonly maxAgeMs: number
  readonly pollMaxMs: number
  readonly settleEveryMs: number
  readonly signal: AbortSignal | undefined
  readonly wake: RunnerWake | undefined
  readonly time: RunnerTime
}

/** Node's timers fire at once beyond this. */
export const MAX_TIMER_MS = 2 ** 31 - 1

/** @throws VALIDATION naming the option. */
export function runnerSettings(options: RunnerOptions): RunnerSettings {
  return {
    batch: assertInteger('batch', options.batch ?? 100, 1, MAX_CLAIM_LIMIT),
    concurrency: assertInteger('concurrency', options.concurrency ?? 10, 1, 10_000),
    maxInFlightBytes: assertInteger(
      'maxInFlightBytes', options.maxInFlightBytes ?? 16 * 1_024 * 1_024, 1, Number.MAX_SAFE_INTEGER),
    timeoutMs: assertDuration('timeoutMs', options.timeoutMs ?? 30_000, 1, MAX_TIMER_MS),
    retry: retryPolicy(options.retry),
    maxAgeMs: assertDuration('maxAgeMs', options.maxAgeMs ?? 86_400_000),
    pollMaxMs: assertDuration('pollMaxMs', options.pollMaxMs ?? 250, 1, MAX_TIMER_MS),
    settleEveryMs: assertDuration('settleEveryMs', options.settleEveryMs ?? 50, 0, MAX_TIMER_MS),
    signal: options.signal,
    wake: options.wake,
    time: { monotonicMs, random: systemRandom, pause, ...options.time },
  }
}

/** How long to wait after so many failures in a row: 50 ms doubling to 5 s, half of it drawn. */
export function backoffMs(failures: number, random: Random): number {
  const ceiling = Math.min(50 * 2 ** Math.min(failures - 1, 10), 5_000)
  return Math.ceil(ceiling / 2 + random() * (ceiling / 2))
}

/** How long `stop` waits for deliveries under way unless told otherwise. */
export const DEFAULT_STOP_TIMEOUT_MS = 30_000

export function stopTimeoutMs(options: { readonly timeoutMs?: number | undefined }): number {
  return assertDuration('timeoutMs', options.timeoutMs ?? DEFAULT_STOP_TIMEOUT_MS, 0, MAX_TIMER_MS)
}
