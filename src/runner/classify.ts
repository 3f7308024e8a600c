/**
 * What a failed delivery means, by the code of what was thrown:
 *
 * - `PERMANENT`, `NO_ROUTE`, `CORRUPT`: trying again cannot help; given up now.
 * - `THROTTLED`: the destination wants it later, in `retryAfterMs` (1 ms…1 h). That is no fault of the
 *   item and spends no attempt; an item older than `maxAgeMs` is given up.
 * - anything else, `TIMEOUT` among it: again later, with backoff, until the attempts are spent.
 */
import type { Random } from '../core/environment.js'
import { describeError, isWaybillError, type WaybillError } from '../core/errors.js'
import { retryDelayMs, type RetryPolicy } from '../core/retry.js'
import type { Outcome, RunnerItem } from './source.js'

const MAX_RETRY_AFTER_MS = 3_600_000
const DEFAULT_RETRY_AFTER_MS = 1_000

export interface FailurePolicy {
  readonly retry: RetryPolicy
  readonly maxAgeMs: number
  readonly random: Random
}

/** The outcome of a delivery that threw, `heldMs` after its item was pulled. */
export function outcomeOf(thrown: unknown, item: RunnerItem, heldMs: number, policy: FailurePolicy): Outcome {
  const { id } = item
  const error = describe(thrown)
  const code = isWaybillError(thrown) ? thrown.code : undefined
  switch (code) {
    case 'PERMANENT':
    case 'NO_ROUTE':
    case 'CORRUPT':
      return { id, kind: 'dead', error }
    case 'THROTTLED':
      return item.ageMs + heldMs > policy.maxAgeMs
        ? { id, kind: 'dead', error: `given up after ${policy.maxAgeMs} ms of being throttled: ${error}` }
        : { id, kind: 'release', error, retryInMs: retryAfterMs(thrown as WaybillError) }
    default: {
      const attempt = Math.max(item.attempt, 1)
      return { id, kind: 'retry', error, retryInMs: retryDelayMs(policy.retry, attempt, policy.random) }
    }
  }
}

function retryAfterMs(thrown: WaybillError): number {
  const asked = thrown.details['retryAfterMs']
  if (typeof asked !== 'number' || Number.isNaN(asked)) return DEFAULT_RETRY_AFTER_MS
  return Math.ceil(Math.min(Math.max(asked, 1), MAX_RETRY_AFTER_MS))
}

/** Anything can be thrown, also what has no text. */
function describe(thrown: unknown): string {
  try {
    return describeError(thrown)
  } catch {
    return 'an error that cannot be described'
  }
}
