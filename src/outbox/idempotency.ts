/**
 * Where the dedupe key of a message comes from. Whatever the strategy, the key does one thing, and what makes it hold
 * is one row in the caller's transaction: see `OutboxMessageDraft.dedupeKey`.
 */
import { newUuidV7 } from '../core/environment.js'
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_KEY_BYTES } from '../core/limits.js'
import { assertName } from '../core/validate.js'
import type { OutboxMessageDraft } from './message.js'

/**
 * - `provided`: the draft's `dedupeKey`; without one, none.
 * - `none`: none. The draft's is ignored.
 * - `uuid`: a UUID of version 7, a new one for each draft. It names the message to receivers, and makes no two drafts
 *   one. The draft's is ignored.
 * - `derived`: what the function makes of the draft. The draft's is ignored.
 */
export type IdempotencyStrategy<Payload = unknown> = 'provided' | 'none' | 'uuid' | DerivedKey<Payload>

export interface DerivedKey<Payload = unknown> {
  /**
   * Asked once for each draft, before anything is written; must answer at once, and the same for the same fact. What
   * it throws, or answers that is no dedupe key (not blank, at most 1,024 bytes), is VALIDATION of `dedupeKey`, and
   * nothing of the call is enqueued.
   */
  readonly derived: (draft: DraftWithoutKey<Payload>) => string
}

/** The draft that is about to be written, for reading. */
export type DraftWithoutKey<Payload = unknown> =
  Omit<OutboxMessageDraft, 'dedupeKey' | 'payload'> & { readonly payload: Payload }

const NAMES: readonly unknown[] = ['provided', 'none', 'uuid']

/** @throws VALIDATION. */
export function checkStrategy<Strategy extends IdempotencyStrategy<never>>(
  field: string, strategy: Strategy,
): Strategy {
  if (NAMES.includes(strategy)) return strategy
  if (typeof strategy === 'object' && strategy !== null && typeof strategy.derived === 'function') return strategy
  throw validationError(field, `must be one of ${NAMES.join(', ')}, or { derived: (draft) => string }`)
}

/** The draft with the key it is to have; the draft itself where that is its own. @throws VALIDATION. */
export function keyed(draft: OutboxMessageDraft, strategy: IdempotencyStrategy): OutboxMessageDraft {
  if (strategy === 'provided') return draft
  if (strategy === 'none') return draft.dedupeKey === undefined ? draft : { ...draft, dedupeKey: undefined }
  return { ...draft, dedupeKey: strategy === 'uuid' ? newUuidV7() : derivedKey(draft, strategy) }
}

function derivedKey({ dedupeKey: _, ...draft }: OutboxMessageDraft, { derived }: DerivedKey): string {
  let key: unknown
  try {
    key = derived(draft)
  } catch (cause) {
    throw new WaybillError('VALIDATION', 'dedupeKey could not be derived: the function has thrown', {
      cause, details: { field: 'dedupeKey' },
    })
  }
  // An answer that comes later is refused below; unheard, its failure would end the process.
  if (key instanceof Promise) key.catch(() => undefined)
  return assertName('dedupeKey', key, MAX_KEY_BYTES)
}
