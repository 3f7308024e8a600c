/**
 * A dead letter, whatever it is of. Its id says where it is, the same in every view of the store:
 *
 *     <message id>                      a message of the outbox
 *     publisher:<name>:<number>         an event that a publisher gave up
 *     subscriber:<key>:<number>         a result that a subscriber gave up
 *     heap:<name>:<entry>               what has failed too often in a row
 *
 * Names are written as in a URL, so that a shell takes them as they are. What is given up again has another number: who
 * decides of what he has seen decides of nothing else.
 */
import { validationError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import type { ScopeId } from '../core/scope.js'
import { MAX_ASSIGNED } from '../core/u64.js'
import { assertName } from '../core/validate.js'
import type { FailedAttempt, PayloadEdit } from '../outbox/contract.js'

/** In the order in which they are listed. */
export const DEAD_LETTER_SOURCES = ['outbox', 'publisher', 'heap', 'subscriber'] as const
export type DeadLetterSource = (typeof DEAD_LETTER_SOURCES)[number]

interface Died {
  readonly id: string
  readonly scope: ScopeId
  /** How often it failed. */
  readonly attempts: number
  /** What the last failure said; empty where that is not known. */
  readonly error: string
  /** By the store's clock, in milliseconds since 1970. Of a heap's entry: when it failed last. */
  readonly diedAt: number
}

export interface DeadMessage extends Died {
  readonly source: 'outbox'
  readonly lane: string
  readonly target: string
  readonly type: string
  readonly key: string | undefined
}

export interface DeadPublication extends Died {
  readonly source: 'publisher'
  /** As the store knows it: with its scope, where it has one. */
  readonly publisher: string
  readonly stream: string
  readonly sequence: bigint
  readonly type: string
  readonly eventId: string
}

/** What it stands for is not here. */
export interface DeadEntry extends Died {
  readonly source: 'heap'
  readonly heap: string
  readonly entry: string
  /** A processor has it now. */
  readonly isDrained: boolean
}

export interface DeadResultLetter extends Died {
  readonly source: 'subscriber'
  readonly subscriber: string
  readonly feed: string
  readonly incarnation: string
  readonly sequence: bigint
}

export type DeadLetter = DeadMessage | DeadPublication | DeadEntry | DeadResultLetter

export interface DeadLetterDetails {
  readonly letter: DeadLetter
  /** Every one of a message; of the others the last one, which is all that is kept. */
  readonly failures: readonly FailedAttempt[]
  /** The payloads it had before. */
  readonly edits: readonly PayloadEdit[]
  readonly headers: Readonly<Record<string, string>>
  /** Undefined where there is none: of a heap's entry, and of an event that the journal has no more. */
  readonly payload: Uint8Array | undefined
  /** Empty where there is no payload. */
  readonly contentType: string
}

/**
 * - `not_dead`: there is no such dead letter, or none any more; nothing changed.
 * - `event_gone`: the journal has the event no more, so that it can only be discarded.
 * - `failed`: the handler threw; it stays.
 */
export type DeadLetterAnswer = 'redriven' | 'discarded' | 'not_dead' | 'event_gone' | 'failed'

export type NamedSource = Exclude<DeadLetterSource, 'outbox'>

/** The parts of an id, as they were before they were written. */
export type DeadLetterId =
  | { readonly source: 'outbox'; readonly id: string }
  | { readonly source: NamedSource; readonly name: string; readonly rest: string }

export function formatDeadLetterId(source: NamedSource, name: string, rest: string | bigint): string {
  return `${source}:${written(name)}:${written(String(rest))}`
}

/** @throws VALIDATION. */
export function parseDeadLetterId(id: unknown, field = 'id'): DeadLetterId {
  const text = assertName(field, id, MAX_ID_BYTES)
  const [, source, name = '', rest = ''] = /^(publisher|heap|subscriber):([^:]+):([^:]+)$/.exec(text) ?? []
  if (source === undefined) {
    if (/^(?:publisher|heap|subscriber):/.test(text)) throw unreadable(field)
    return { source: 'outbox', id: assertName(field, text, MAX_NAME_BYTES) }
  }
  const parsed = { source: source as NamedSource, name: decoded(name, field), rest: decoded(rest, field) }
  if (parsed.source !== 'heap') numberOf(parsed.rest, field)
  return parsed
}

/** The number of a publisher's or a subscriber's dead letter. @throws VALIDATION. */
export function numberOf(rest: string, field = 'id'): bigint {
  const number = /^[1-9]\d{0,18}$/.test(rest) ? BigInt(rest) : 0n
  if (number < 1n || number > MAX_ASSIGNED) throw unreadable(field)
  return number
}

/** A name and a heap's entry, every byte of both written as three. */
const MAX_ID_BYTES = 8_192

function written(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => (
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`))
}

/** @throws VALIDATION. */
function decoded(text: string, field: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unreadable(field)
  }
}

function unreadable(field: string): Error {
  return validationError(field, 'is that of no dead letter: take it from a list')
}
