/**
 * How a result is stored: one line of JSON that says what is in it, and behind it the bytes of its values as the codec
 * made them, one after another.
 *
 *     {"v":1,"type":"application/json","at":1700000000000,"changes":[["update","7",11,13],["delete","9",-1,-1]]}⏎
 *     {"total":1}{"total":12}
 *
 * A change is its kind, its signature and how many bytes its values before and after have; −1 where there is none.
 */
import { asBuffer } from '../core/bytes.js'
import type { Codec } from '../core/codec.js'
import { decodePayload } from '../core/content.js'
import { WaybillError } from '../core/errors.js'
import { MAX_U64 } from '../core/u64.js'
import type { Change, ChangeOp, Result } from './result.js'

/** A change whose values are bytes. */
export interface EncodedChange {
  readonly op: ChangeOp
  readonly signature: bigint
  readonly before: Uint8Array | undefined
  readonly after: Uint8Array | undefined
}

interface Header {
  readonly v: 1
  readonly type: string
  readonly at: number
  readonly changes: readonly (readonly [ChangeOp, string, number, number])[]
}

const NEWLINE = 0x0a
const HIGHEST = MAX_U64.toString()
const OPS: ReadonlySet<unknown> = new Set<ChangeOp>(['add', 'update', 'delete', 'aggregation', 'noop'])

export function encodeFrame(type: string, at: number, changes: readonly EncodedChange[]): Uint8Array {
  const header: Header = {
    v: 1, type, at,
    changes: changes.map(({ op, signature, before, after }) => (
      [op, signature.toString(), before?.byteLength ?? -1, after?.byteLength ?? -1])),
  }
  const parts: Uint8Array[] = [Buffer.from(`${JSON.stringify(header)}\n`)]
  for (const { before, after } of changes) {
    if (before !== undefined) parts.push(before)
    if (after !== undefined) parts.push(after)
  }
  return Buffer.concat(parts)
}

/** The changes with their values as bytes. @throws CORRUPT. */
function readFrame(data: Uint8Array): { readonly header: Header; readonly changes: readonly EncodedChange[] } {
  const bytes = asBuffer(data)
  const end = bytes.indexOf(NEWLINE)
  const header = end < 0 ? undefined : parseHeader(bytes.toString('utf8', 0, end))
  if (header === undefined) throw corrupt('it does not begin with what is in it')
  let at = end + 1
  const take = (length: number): Uint8Array | undefined => {
    if (length < 0) return undefined
    at += length
    return bytes.subarray(at - length, at)
  }
  const changes = header.changes.map(([op, signature, before, after]): EncodedChange => (
    { op, signature: BigInt(signature), before: take(before), after: take(after) }))
  if (at !== data.byteLength) throw corrupt(`it has ${data.byteLength} bytes and not ${at}`)
  return { header, changes }
}

/** @throws CORRUPT. */
export function decodeResult(sequence: bigint, data: Uint8Array, codec: Codec): Result {
  const { header, changes } = readFrame(data)
  const value = (bytes: Uint8Array | undefined): unknown => (
    bytes === undefined || header.type !== codec.contentType ? bytes : decodePayload(codec, bytes))
  return {
    sequence, createdAt: header.at,
    changes: changes.map(({ op, signature, before, after }): Change => (
      { op, signature, before: value(before), after: value(after) })),
  }
}

function parseHeader(text: string): Header | undefined {
  try {
    const header = JSON.parse(text) as Partial<Header> | null
    return header?.v === 1 && typeof header.type === 'string' && typeof header.at === 'number'
      && Array.isArray(header.changes) && header.changes.every(isChange) ? header as Header : undefined
  } catch {
    return undefined
  }
}

function isChange(change: unknown): boolean {
  if (!Array.isArray(change) || change.length !== 4) return false
  const [op, signature, before, after]: unknown[] = change
  return OPS.has(op) && isU64(signature) && Number.isSafeInteger(before) && Number.isSafeInteger(after)
}

/** Of the same length, digits are in the order of numbers. */
function isU64(text: unknown): boolean {
  return typeof text === 'string' && /^\d{1,20}$/.test(text) && (text.length < 20 || text <= HIGHEST)
}

function corrupt(problem: string): WaybillError {
  return new WaybillError('CORRUPT', `a stored result cannot be read: ${problem}`)
}
