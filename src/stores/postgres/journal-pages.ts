/**
 * Reading on from cursors: from a cursor to the parameters of a page, and from its rows to the page and the cursors
 * after each of its events. What is remembered in between: journal-marks.ts.
 */
import type { SqlRow, SqlStatement, SqlValue } from '../../core/sql.js'
import type { PagesRead, StorePage } from '../../journal/contract.js'
import { epochChanged, readCursor, writeCursor } from '../../journal/cursor.js'
import type { JournalEvent } from '../../journal/event.js'
import type { SlotMask } from '../../journal/progress.js'
import { arrayLiteral } from './array-literal.js'
import { afterPage, marksFromPlace, marksToPlace, mergeMarks, START, type Marks } from './journal-marks.js'
import { toEvent, toPageState, type PageState } from './journal-rows.js'
import type { JournalStatements } from './journal-statements.js'

/** A part before its page is read. */
export interface PartMarks {
  readonly before: Marks
  readonly isStart: boolean
  readonly slots: SlotMask | undefined
}

/** @throws VALIDATION, EPOCH_CHANGED. */
export function marksOf(request: PagesRead, epoch: string): PartMarks[] {
  return request.parts.map(({ cursor, slots }) => ({
    before: cursor === undefined ? START : marksFromPlace(readCursor(cursor, epoch, request)),
    isStart: cursor === undefined, slots,
  }))
}

export function pageStatement(
  sql: JournalStatements, { tags, streams, scope, limit }: Omit<PagesRead, 'parts'>, parts: readonly PartMarks[],
): SqlStatement {
  const filter = [optionalArray(tags), optionalArray(streams), scope ?? null, limit]
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return sql.page([...filter, ...partParams(only)])
  return sql.pages([...filter, JSON.stringify(parts.map(partRecord))])
}

/** @throws EPOCH_CHANGED. */
export function toPages(
  request: PagesRead, parts: readonly PartMarks[], rows: readonly SqlRow[], tag: string, epoch: string,
): StorePage[] {
  const read = parts.map((part, n) => {
    const mine = parts.length === 1 ? rows : rows.filter((row) => Number(row['part']) === n)
    const [first, ...others] = mine
    const state = toPageState(first)
    // Ids that the cursor has seen given are still to be given here: the database lost what came after.
    if (state.epoch !== epoch || (!part.isStart && part.before.nextXid > state.nextXid)) throw epochChanged()
    const events = others.map((row) => toEvent(tag, row))
    return { ...part, state, events, ...nextMarks(part.before, state, events, request.limit) }
  })
  const ended = mergeMarks(read.filter(({ hasMore }) => !hasMore).map(({ marks }) => marks))
  return read.map(({ before, state, events, marks, hasMore }) => {
    const cursorAt = (place: Marks): string => writeCursor(epoch, request, marksToPlace(place))
    const cursor = cursorAt(hasMore ? marks : ended ?? marks)
    return {
      events, hasMore, cursor, hasMoved: events.length > 0 || marks.pos > before.pos,
      cursorAfter: (count) => (count >= events.length ? cursor
        : cursorAt(nextMarks(before, state, events.slice(0, count), count).marks)),
    }
  })
}

/** What to remember after this page. Late events that fill it are gone on with before anything ahead is read. */
function nextMarks(
  before: Marks, state: PageState, events: readonly JournalEvent[], limit: number,
): { marks: Marks; hasMore: boolean } {
  const last = events.at(-1)?.position ?? 0n
  const isFull = events.length === limit
  if (isFull && last <= before.pos) {
    return { marks: { ...before, late: { snap: state.snap, nextXid: state.nextXid, pos: last } }, hasMore: true }
  }
  if (before.late !== undefined) return { marks: afterPage(before, state, before.pos), hasMore: true }
  // Of a page that is not full everything visible was looked at, also what the filter passed over.
  const end = isFull ? last : state.head
  return { marks: afterPage(before, state, end > before.pos ? end : before.pos), hasMore: isFull }
}

function partParams({ before, slots }: PartMarks): SqlValue[] {
  const { late } = before
  return [
    signed(slots), before.pos, before.snap, arrayLiteral(before.xids.map(String)),
    arrayLiteral(before.marks.map(String)), before.nextMark, late?.pos ?? null, late?.snap ?? null,
    late?.nextXid.toString() ?? null,
  ]
}

/** Numbers as text, which JSON keeps exact and the database reads as numbers. */
function partRecord({ before, slots }: PartMarks, part: number): object {
  const { late } = before
  return {
    part, slots: signed(slots)?.toString() ?? null, pos: String(before.pos), snap: before.snap,
    xids: before.xids.map(String), marks: before.marks.map(String), next_mark: String(before.nextMark),
    late_pos: late?.pos.toString() ?? null, late_snap: late?.snap ?? null,
    late_next_xid: late?.nextXid.toString() ?? null,
  }
}

function signed(slots: SlotMask | undefined): bigint | null {
  return slots === undefined ? null : BigInt.asIntN(64, slots)
}

function optionalArray(names: readonly string[] | undefined): string | null {
  return names === undefined ? null : arrayLiteral([...new Set(names)])
}
