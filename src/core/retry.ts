/** When to try again: full jitter, which spreads retries that failed together. */
import type { Random } from './environment.js'
import { assertDuration, assertInteger } from './validate.js'

export interface RetryPolicy {
  /** The longest first delay. Default 1,000 ms. */
  readonly baseMs: number
  /** The longest delay of all. Default 300,000 ms (5 min). */
  readonly maxMs: number
  /** `full` draws from 0 to the delay; `none` waits exactly the delay. Default `full`. */
  readonly jitter: 'full' | 'none'
}

export const DEFAULT_RETRY: RetryPolicy = { baseMs: 1_000, maxMs: 300_000, jitter: 'full' }

/** 1 s doubling to 30 s without jitter: the policy of the design this contract comes from. */
export const CLASSIC_RETRY: RetryPolicy = { baseMs: 1_000, maxMs: 30_000, jitter: 'none' }

export function retryPolicy(options: Partial<RetryPolicy> = {}): RetryPolicy {
  const policy = { ...DEFAULT_RETRY, ...options }
  assertDuration('retry.baseMs', policy.baseMs)
  assertDuration('retry.maxMs', policy.maxMs, policy.baseMs)
  return policy
}

/** The delay after attempt `attempt` (from 1) failed: at most `min(baseMs · 2^(attempt−1), maxMs)`. */
export function retryDelayMs(policy: RetryPolicy, attempt: number, random: Random): number {
  assertInteger('attempt', attempt, 1, Number.MAX_SAFE_INTEGER)
  const ceiling = Math.min(policy.baseMs * 2 ** Math.min(attempt - 1, 31), policy.maxMs)
  return policy.jitter === 'none' ? ceiling : Math.floor(random() * (ceiling + 1))
}
