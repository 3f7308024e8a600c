/**
 * A cursor as text: the epoch, a digest of the filter it was given for, and whatever the store needs to read on.
 * Callers keep it and give it back; what is inside is the store's business and may change between versions.
 */
import { createHash } from 'node:crypto'
import { validationError, WaybillError } from '../core/errors.js'
import type { JournalFilter } from './contract.js'

/** What a store puts into a cursor: texts and lists of them, since positions exceed what JSON numbers hold. */
export type CursorPlace = readonly (string | readonly string[])[]

/** A place list of millions of open transactions is no cursor of ours. */
const MAX_CURSOR_LENGTH = 1_000_000

export function writeCursor(epoch: string, filter: JournalFilter, place: CursorPlace): string {
  return Buffer.from(JSON.stringify([epoch, filterDigest(filter), place])).toString('base64url')
}

/** @throws VALIDATION for what is no cursor, or one of another filter; EPOCH_CHANGED. */
export function readCursor(text: string, epoch: string, filter: JournalFilter): CursorPlace {
  const [itsEpoch, itsFilter, place] = parse(text)
  if (itsFilter !== filterDigest(filter)) {
    throw validationError('cursor', 'was given for other tags, streams or another scope')
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

/** Empty for what follows everything. */
function filterDigest({ tags, streams, scope }: JournalFilter): string {
  if (tags === undefined && streams === undefined && scope === undefined) return ''
  const filter = JSON.stringify([sorted(tags), sorted(streams), scope ?? null])
  return createHash('sha256').update(filter).digest('base64url').slice(0, 22)
}

function sorted(names: readonly string[] | undefined): readonly string[] | null {
  return names === undefined ? null : [...new Set(names)].sort()
}

function parse(text: string): [string, string, CursorPlace] {
  if (typeof text !== 'string' || text.length > MAX_CURSOR_LENGTH) throw badCursor()
  let parts: unknown
  try {
    parts = JSON.parse(Buffer.from(text, 'base64url').toString())
  } catch {
    throw badCursor()
  }
  const isOurs = Array.isArray(parts) && parts.length === 3 && typeof parts[0] === 'string' && isPlace(parts[2])
  if (!isOurs) throw badCursor()
  return parts as [string, string, CursorPlace]
}

function isPlace(value: unknown): value is CursorPlace {
  const isText = (part: unknown): boolean => typeof part === 'string'
  return Array.isArray(value) && value.every((part) => isText(part) || (Array.isArray(part) && part.every(isText)))
}
