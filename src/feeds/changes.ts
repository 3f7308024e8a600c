/** From what a caller wants committed to what is stored: the frames of results, and what becomes of rows. */
import { jsonCodec, type Codec } from '../core/codec.js'
import { encodeValue } from '../core/content.js'
import { validationError, WaybillError } from '../core/errors.js'
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_CHANGES, MAX_RESULT_BYTES, MAX_RESULTS } from '../core/limits.js'
import { assertU64, type U64 } from '../core/u64.js'
import type { RowMutation } from './contract.js'
import { encodeFrame, type EncodedChange } from './frame.js'
import type { ChangeOp } from './result.js'
import { rowSignature } from './signature.js'

/** Which row it is. Default: what the feed's `key` function says of the value. */
export interface RowIdentity {
  readonly signature?: U64 | undefined
  /** Any JSON value; the signature is `rowSignature` of it. */
  readonly key?: unknown
}

export interface ChangeDraft extends RowIdentity {
  readonly op: ChangeOp
  /** The row as it was. Not needed; those who follow the feed get it. */
  readonly before?: unknown
  /** The row as it is. Required by `add`, `update` and `aggregation`; not with `delete`. */
  readonly after?: unknown
}

/** A row that is there from the beginning. */
export interface RowDraft extends RowIdentity {
  readonly value: unknown
}

export interface EncodedCommit {
  readonly results: readonly Uint8Array[]
  /** What all of them leave behind, each row once. */
  readonly mutations: readonly RowMutation[]
}

interface Encoding {
  readonly codec: Codec
  readonly keyOf: ((row: never) => unknown) | undefined
}

/** Results of nothing but `noop` are left out. @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodeChanges(
  results: readonly (readonly ChangeDraft[])[], encoding: Encoding & { readonly at: number },
): EncodedCommit {
  if (results.length > MAX_RESULTS) throw validationError('results', `must be at most ${MAX_RESULTS}`)
  const frames: Uint8Array[] = []
  const rows = new Map<bigint, Uint8Array | undefined>()
  for (const drafts of results) {
    const changes = encodeOne(drafts, encoding)
    if (changes.every(({ op }) => op === 'noop')) continue
    for (const { op, signature, after } of changes) if (op !== 'noop') rows.set(signature, after)
    frames.push(checkSize(encodeFrame(encoding.codec.contentType, encoding.at, changes)))
  }
  return { results: frames, mutations: [...rows].map(([signature, data]) => ({ signature, data })) }
}

/** @throws VALIDATION, PAYLOAD_TOO_LARGE. */
export function encodeRow(row: RowDraft, encoding: Encoding): { signature: bigint; data: Uint8Array } {
  if (row.value === undefined) throw validationError('value', 'is required')
  return { signature: signatureOf(row, row.value, encoding), data: encodeRowValue('value', row.value, encoding) }
}

function encodeOne(drafts: readonly ChangeDraft[], encoding: Encoding): readonly EncodedChange[] {
  if (!Array.isArray(drafts)) throw validationError('changes', 'must be an array')
  if (drafts.length > MAX_CHANGES) throw validationError('changes', `must be at most ${MAX_CHANGES}`)
  return drafts.map((draft) => encodeChange(draft, encoding))
}

function encodeChange(draft: ChangeDraft, encoding: Encoding): EncodedChange {
  const { op, before, after } = draft
  checkKind(draft)
  return {
    op, signature: op === 'noop' ? 0n : signatureOf(draft, after ?? before, encoding),
    before: before === undefined ? undefined : encodeRowValue('before', before, encoding),
    after: after === undefined || op === 'noop' ? undefined : encodeRowValue('after', after, encoding),
  }
}

function checkKind({ op, after }: ChangeDraft): void {
  switch (op) {
    case 'add': case 'update': case 'aggregation':
      if (after === undefined) throw validationError('after', `is required by ${op}`)
      return
    case 'delete':
      if (after !== undefined) throw validationError('after', 'is not there after delete')
      return
    case 'noop':
      return
    default:
      throw validationError('op', "must be 'add', 'update', 'delete', 'aggregation' or 'noop'")
  }
}

function signatureOf({ signature, key }: RowIdentity, value: unknown, { keyOf }: Encoding): bigint {
  if (signature !== undefined) return assertU64('signature', signature)
  if (key !== undefined) return rowSignature(key)
  if (keyOf === undefined || value === undefined) {
    throw validationError('key', 'or signature is required, where the feed has no key function or there is no value')
  }
  return rowSignature(keyOf(value as never))
}

function encodeRowValue(field: string, value: unknown, { codec }: Encoding): Uint8Array {
  if (codec === jsonCodec && value instanceof Uint8Array) {
    throw validationError(field, 'must not be bytes, unless a codec of yours reads them')
  }
  return encodeValue(value, { codec, maxPayloadBytes: DEFAULT_MAX_PAYLOAD_BYTES })
}

function checkSize(frame: Uint8Array): Uint8Array {
  const bytes = frame.byteLength
  if (bytes <= MAX_RESULT_BYTES) return frame
  throw new WaybillError('PAYLOAD_TOO_LARGE', `a result is ${bytes} bytes; the limit is ${MAX_RESULT_BYTES}. Commit it `
    + 'in several', { details: { bytes, maxResultBytes: MAX_RESULT_BYTES } })
}
