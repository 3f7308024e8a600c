/**
 * What a follower remembers between pages, and how a page changes it: birth marks, as in schema-outbox-claim.ts, but
 * kept by the follower. Pure, so that it can be read and tested by itself.
 *
 * - `pos`: everything up to it that was visible in `snap` has been given.
 * - `snap`, `nextXid`: the snapshot of the last page, and the next transaction id unassigned then. An id at or above
 *   the snapshot's xmax may have been open without being listed: xmax is the latest *completed* id + 1.
 * - `xids`, `marks`: the transactions that were open, each with a position that all its events lie after: an id is
 *   assigned before its transaction takes any position, so where `pos` was when it was first seen is a mark for it.
 * - `nextMark`: the one mark of all that were open without being listed.
 * - `late`: while the late events of a page are more than one page, the snapshot they are read in, and how far.
 */
import { badCursor, type CursorPlace } from '../../journal/cursor.js'

export interface Marks {
  readonly pos: bigint
  readonly snap: string
  readonly nextXid: bigint
  readonly xids: readonly bigint[]
  readonly marks: readonly bigint[]
  readonly nextMark: bigint
  readonly late: LateMarks | undefined
}

export interface LateMarks {
  readonly snap: string
  readonly nextXid: bigint
  readonly pos: bigint
}

/** Before the first page: nothing was visible, and nothing was given. */
export const START: Marks = {
  pos: 0n, snap: '1:1:', nextXid: 1n, xids: [], marks: [], nextMark: 0n, late: undefined,
}

/** After a page that was read in this snapshot and has given everything up to `pos`. */
export function afterPage(before: Marks, { snap, nextXid }: Pick<Marks, 'snap' | 'nextXid'>, pos: bigint): Marks {
  const { xmax, open } = parseSnapshot(snap)
  const known = new Map(before.xids.map((xid, n) => [xid, before.marks[n] ?? 0n]))
  const last = parseSnapshot(before.snap)
  const markOf = (xid: bigint): bigint => {
    if (xid < last.xmax) return known.get(xid) ?? 0n
    return xid < before.nextXid ? before.nextMark : before.pos
  }
  // Nobody between the snapshot and the next id: nothing unlisted was open, and no page is read twice.
  const nextMark = nextXid === xmax ? pos : xmax < before.nextXid ? before.nextMark : before.pos
  return { pos, snap, nextXid, xids: open, marks: open.map(markOf), nextMark, late: undefined }
}

/**
 * One for all that have given everything visible in one snapshot: they are at the furthest position, since nothing
 * between theirs and it was visible, and of each open transaction they keep the lowest mark, which holds for all.
 */
export function mergeMarks(ended: readonly Marks[]): Marks | undefined {
  const [first, ...others] = ended
  return others.reduce((merged, each) => merged && {
    ...merged,
    pos: merged.pos > each.pos ? merged.pos : each.pos,
    nextXid: lower(merged.nextXid, each.nextXid),
    marks: merged.marks.map((mark, n) => lower(mark, each.marks[n] ?? 0n)),
    nextMark: lower(merged.nextMark, each.nextMark),
  }, first)
}

/**
 * Nothing at or below it is still to be given. An open transaction counts as long as the cursor knows it: one that has
 * ended since may have committed what this follower has not seen.
 */
export function lowWater({ pos, marks, nextMark, late }: Marks): bigint {
  return [...marks, nextMark, ...(late === undefined ? [] : [late.pos])].reduce(lower, pos)
}

const lower = (a: bigint, b: bigint): bigint => (a < b ? a : b)

function parseSnapshot(snap: string): { xmax: bigint; open: bigint[] } {
  const [, xmax = '0', open = ''] = snap.split(':')
  return { xmax: BigInt(xmax), open: open === '' ? [] : open.split(',').map(BigInt) }
}

export function marksToPlace({ pos, snap, nextXid, xids, marks, nextMark, late }: Marks): CursorPlace {
  return [
    String(pos), snap, String(nextXid), xids.map(String), marks.map(String), String(nextMark),
    late === undefined ? [] : [late.snap, String(late.nextXid), String(late.pos)],
  ]
}

/** @throws VALIDATION. */
export function marksFromPlace(place: CursorPlace): Marks {
  const [pos, snap, nextXid, xids, marks, nextMark, late] = place
  const openMarks = numbers(marks)
  if (place.length !== 7 || !Array.isArray(late) || numbers(xids).length !== openMarks.length) throw badCursor()
  return {
    pos: number(pos), snap: snapshot(snap), nextXid: number(nextXid), xids: numbers(xids), marks: openMarks,
    nextMark: number(nextMark),
    late: late.length === 0 ? undefined
      : { snap: snapshot(late[0]), nextXid: number(late[1]), pos: number(late[2]) },
  }
}

function number(part: unknown): bigint {
  if (typeof part !== 'string' || !/^\d{1,19}$/.test(part)) throw badCursor()
  return BigInt(part)
}

function numbers(part: unknown): bigint[] {
  if (!Array.isArray(part)) throw badCursor()
  return part.map(number)
}

function snapshot(part: unknown): string {
  if (typeof part !== 'string' || !/^\d{1,19}:\d{1,19}:(?:\d{1,19}(?:,\d{1,19})*)?$/.test(part)) throw badCursor()
  return part
}
