/** What callers say of a quarantine, checked. */
import { describeError, validationError } from '../core/errors.js'
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import { assertInteger } from '../core/validate.js'
import type { QuarantineEntry } from './contract.js'

export interface QuarantineDraft {
  /** Of a message. Any other text is skipped, as heaps may count anything. */
  readonly id: string
  /** How often it failed: 1…2^53−1. */
  readonly failures: number
  /** Why; the first 2,000 characters. Default `no error was recorded`. */
  readonly error?: string | undefined
}

/** @throws VALIDATION naming the field. */
export function quarantineEntries(drafts: readonly QuarantineDraft[]): readonly QuarantineEntry[] {
  assertInteger('entries.length', drafts.length, 0, MAX_PAGE_LIMIT)
  return drafts.map(({ id, failures, error }, index) => {
    if (typeof id !== 'string') throw validationError(`entries[${index}].id`, 'must be text')
    return {
      id,
      failures: assertInteger(`entries[${index}].failures`, failures, 1, Number.MAX_SAFE_INTEGER),
      error: describeError(error ?? 'no error was recorded'),
    }
  })
}
