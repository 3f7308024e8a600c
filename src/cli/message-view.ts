/** A message as the program shows it: fields for JSON, text for people. */
import { maskHeaders } from '../core/masking.js'
import type { FailedAttempt, PayloadEdit } from '../outbox/contract.js'
import type { OutboxMessage } from '../outbox/message.js'
import { manyLines } from './printable.js'

/** Takes secrets out of a text. */
export type Mask = (text: string) => string

/** All but the payload, of which only the size. Absent optionals are left out. */
export function messageSummary(message: OutboxMessage, mask: Mask): object {
  const { payload, lastError, headers, claimToken: _, ...rest } = message
  return {
    ...rest,
    headers: maskHeaders(headers),
    payloadBytes: payload.byteLength,
    ...(lastError === undefined ? {} : { lastError: mask(lastError) }),
  }
}

/** What happened to a message, beside what it says itself. */
export interface MessagePast {
  readonly failures: readonly FailedAttempt[]
  readonly edits: readonly PayloadEdit[]
}

export const NO_PAST: MessagePast = { failures: [], edits: [] }

export function messageDocument(message: OutboxMessage, { failures, edits }: MessagePast, mask: Mask): object {
  return {
    ...messageSummary(message, mask),
    failures: failures.map((failure) => ({ ...failure, error: mask(failure.error) })),
    ...(edits.length === 0 ? {} : { edits: edits.map((edit) => editFields(edit, mask)) }),
    ...payloadFields(message),
  }
}

/** With the payload from before the edit. */
function editFields({ editedAt, by, note, ...before }: PayloadEdit, mask: Mask): object {
  return { editedAt, by, note: mask(note), contentType: before.contentType, ...payloadFields(before) }
}

/** What is stored, and how it says it is to be read. */
export type StoredPayload = Pick<OutboxMessage, 'payload' | 'contentType'>

/** `payload` when it is JSON, else `payloadText` or `payloadBase64`. */
export function payloadFields({ payload, contentType }: StoredPayload): object {
  const text = textOf(payload)
  const json = isJson(contentType) ? parse(text) : undefined
  if (json !== undefined) return { payload: json.value }
  if (text !== undefined) return { payloadText: text }
  return { payloadBase64: Buffer.from(payload).toString('base64') }
}

/** In a line; bytes that are no text are only counted. */
export function payloadText({ payload }: StoredPayload): string {
  return textOf(payload) ?? `(${payload.byteLength} bytes that are no text)`
}

/** Lines for people; bytes that are no text are only counted. */
export function payloadLines(message: StoredPayload): string[] {
  const text = textOf(message.payload)
  const json = isJson(message.contentType) ? parse(text) : undefined
  if (json !== undefined) return manyLines(JSON.stringify(json.value, null, 2)).split('\n')
  if (text === undefined) return [`(${message.payload.byteLength} bytes that are no text; --raw writes them)`]
  return manyLines(text).split('\n')
}

function isJson(contentType: string): boolean {
  return /^application\/(?:json|[\w.+-]+\+json)\b/i.test(contentType)
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function parse(text: string | undefined): { readonly value: unknown } | undefined {
  if (text === undefined) return undefined
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}

export function timeText(ms: number): string {
  // Beyond what a Date can hold, the number itself.
  return Math.abs(ms) <= 8_640_000_000_000_000 ? new Date(ms).toISOString() : String(ms)
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const

/** `340 ms`, `12 s`, `5 m`, `3 h`, `2 d`. */
export function ageText(ms: number): string {
  for (const [unit, size] of UNITS) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`
  return `${Math.max(0, Math.floor(ms))} ms`
}

export function countText(count: number): string {
  return count.toLocaleString('en-US')
}
