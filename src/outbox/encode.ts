/** From a caller's draft to what stores receive: validated, bounded, encoded, with the digest that dedupe compares. */
import { checkHeaders, contentDigest, encodePayload, type EncodeOptions } from '../core/content.js'
import { validationError } from '../core/errors.js'
import { MAX_ATTEMPTS, MAX_KEY_BYTES, MAX_NAME_BYTES } from '../core/limits.js'
import { DEFAULT_SCOPE, scopeId } from '../core/scope.js'
import { assertDuration, assertInteger, assertName, assertTime } from '../core/validate.js'
import {
  DEFAULT_LANE, DEFAULT_MAX_ATTEMPTS, DEFAULT_TARGET, type NewMessage, type OutboxMessageDraft,
} from './message.js'

export function encodeDraft(draft: OutboxMessageDraft, options: EncodeOptions): NewMessage {
  const lane = assertName('lane', draft.lane ?? DEFAULT_LANE, MAX_NAME_BYTES)
  const target = assertName('target', draft.target ?? DEFAULT_TARGET, MAX_NAME_BYTES)
  const type = assertName('type', draft.type, MAX_NAME_BYTES)
  const key = draft.key === undefined ? null : assertName('key', draft.key, MAX_KEY_BYTES)
  const body = encodePayload(draft, options)
  const dedupe = draft.dedupeKey === undefined ? null : {
    key: assertName('dedupeKey', draft.dedupeKey, MAX_KEY_BYTES),
    digest: contentDigest([{ parts: [lane, target, type, key, body.contentType], body: body.canonical() }]),
  }
  return {
    scope: draft.scope === undefined ? DEFAULT_SCOPE : scopeId(draft.scope),
    lane, target, type, key, dedupe,
    payload: body.payload,
    contentType: body.contentType,
    headers: checkHeaders(draft.headers ?? {}),
    due: dueOf(draft),
    maxAttempts: assertInteger('maxAttempts', draft.maxAttempts ?? DEFAULT_MAX_ATTEMPTS, 1, MAX_ATTEMPTS),
  }
}

function dueOf(draft: OutboxMessageDraft): NewMessage['due'] {
  if (draft.availableAt !== undefined && draft.delayMs !== undefined) {
    throw validationError('delayMs', 'cannot be given together with availableAt')
  }
  if (draft.availableAt !== undefined) return { at: assertTime('availableAt', draft.availableAt) }
  if (draft.delayMs !== undefined) return { inMs: assertDuration('delayMs', draft.delayMs) }
  return null
}
