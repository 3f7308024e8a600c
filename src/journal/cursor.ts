/**
 * A cursor as text: the epoch, the filter it was given for, and whatever the store needs to read on. Callers keep it
 * and give it back; what is inside is the store's business and may change between versions.
 */
import { validationError, WaybillError } from '../core/errors.js'
import type { JournalFilter } from './contract.js'

/** What a store puts into a cursor: texts and lists of them, since positions exceed what JSON numbers hold. */
export type CursorPlace = readonly (string | readonly string[])[]

/** A place list of millions of open transactions is no cursor of ours. */
const MAX_CURSOR_LENGTH = 1_000_000

export function writeCursor(epoch: string, { tag, scope }: JournalFilter, place: CursorPlace): string {
  return Buffer.from(JSON.stringify([epoch, tag ?? null, scope ?? null, place])).toString('base64url')
}

/** @throws VALIDATION for what is no cursor, or one of another filter; EPOCH_CHANGED. */
export function readCursor(text: string, epoch: string, { tag, scope }: JournalFilter): CursorPlace {
  const [itsEpoch, itsTag, itsScope, place] = parse(text)
  if (itsTag !== (tag ?? null) || itsScope !== (scope ?? null)) {
    throw validationError('cursor', 'was given for another tag or scope')
  }
  if (itsEpoch !== epoch) throw epochChanged()
  return place
}

export function epochChanged(): WaybillError {
  return new WaybillError('EPOCH_CHANGED', 'this cursor is of another journal, or of this one before it was restored: '
    + 'positions may mean other events now. Read from the start again, or from the head')
}

export function badCursor(): WaybillError {
  return validationError('cursor', 'is not one that this journal gave')
}

function parse(text: string): [string, string | null, string | null, CursorPlace] {
  if (typeof text !== 'string' || text.length > MAX_CURSOR_LENGTH) throw badCursor()
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw badCursor()
  }
  const isOurs = Array.isArray(parts) && parts.length === 4 && typeof parts[0] === 'string' && isPlace(parts[3])
  if (!isOurs) throw badCursor()
  return parts as [string, string | null, string | null, CursorPlace]
}

function isPlace(value: unknown): value is CursorPlace {
  const isText = (part: unknown): boolean => typeof part === 'string'
  return Array.isArray(value) && value.every((part) => isText(part) || (Array.isArray(part) && part.every(isText)))
}
