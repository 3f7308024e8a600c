/** Reading open lines from their fronts, a few messages at a time. */
import { MAX_RUN, type ClaimRequest } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { isBefore, type Candidate, type Place } from './outbox-candidates.js'
import type { Tables } from './tables.js'

export type LineReaderStatements = ReturnType<typeof lineReaderStatements>

export function lineReaderStatements(t: Tables) {
  return {
    linesAfter: `select k.key, k.open_at, k.open_seq from ${t.outbox_key} k
where k.lane = ?1 and k.target = ?2 and k.scope = ?3 and k.open_at is not null
and (k.open_at, k.open_seq) > (?4, ?5) order by k.open_at, k.open_seq limit ?6`,
    // [scope, key, place, seq]: those behind that place. Text, because JSON.parse rounds 64-bit numbers.
    members: `select j.key as line, (
  select json_group_array(json_array(cast(one.seq as text), one.place, one.available_at, one.attempts, one.suspect))
  from (select f.seq, f.place, f.available_at, f.attempts, f.suspect from ${t.outbox_due} f
    where f.lane = ?1 and f.target = ?2 and f.scope = j.value ->> 0 and f.key = j.value ->> 1
    and (f.place, f.seq) > (j.value ->> 2, cast(j.value ->> 3 as integer))
    and (f.key = '' or not exists (select 1 from ${t.outbox_dead} x where x.lane = f.lane and x.target = f.target
      and x.scope = f.scope and x.key = f.key and x.seq < f.seq))
    order by f.place, f.seq limit ?4) one) as members
from json_each(?3) j`,
  }
}

/** A line, by its front. */
export interface Head extends Place {
  readonly scope: string
  readonly key: string
}

interface Line {
  readonly head: Head
  readonly waiting: Candidate[]
  /** Nothing may be taken behind those waiting. */
  isWhole: boolean
  last: { place: number; seq: bigint }
  /** How many were taken, and the latest time among them. */
  size: number
  at: number
}

type Member = readonly [seq: string, place: number, at: number, attempts: number, suspect: 0 | 1]

export class LineReader {
  readonly #query: SqliteQuery
  readonly #sql: LineReaderStatements
  readonly #request: ClaimRequest
  readonly #now: number
  readonly #end: bigint | undefined

  constructor(
    query: SqliteQuery, sql: LineReaderStatements, request: ClaimRequest, now: number, end: bigint | undefined,
  ) {
    this.#query = query
    this.#sql = sql
    this.#request = request
    this.#now = now
    this.#end = end
  }

  /** With up to `count` messages each. */
  open(heads: readonly Head[], count: number): Line[] {
    const lines = heads.map((head): Line => (
      { head, waiting: [], isWhole: false, last: { place: -1, seq: 0n }, size: 0, at: 0 }))
    this.read(lines, count)
    return lines
  }

  read(lines: readonly Line[], count: number): void {
    const { lane, target } = this.#request
    const asked = JSON.stringify(lines.map(({ head: { scope, key }, last }) => (
      [scope, key, last.place, String(last.seq)])))
    for (const row of lines.length === 0 ? [] : this.#query(this.#sql.members, lane, target, asked, count)) {
      const line = lines[Number(row['line'])]
      if (line !== undefined) this.#add(line, JSON.parse(row['members'] as string) as readonly Member[], count)
    }
  }

  /** The next lines of the same scope. */
  after({ scope, at, seq }: Head, count: number): readonly Head[] {
    const { lane, target } = this.#request
    return this.#query(this.#sql.linesAfter, lane, target, scope, at, seq, count).map((row) => ({
      scope, key: row['key'] as string, at: Number(row['open_at']), seq: row['open_seq'] as bigint,
    }))
  }

  #add(line: Line, members: readonly Member[], count: number): void {
    line.isWhole = members.length < count
    for (const [text, place, at, attempts, suspect] of members) {
      const seq = BigInt(text)
      const isUnread = line.head.key !== '' && this.#end !== undefined && seq > this.#end
      if (suspect === 1 || at > this.#now || isUnread) {
        line.isWhole = true
        return
      }
      line.last = { place, seq }
      line.waiting.push({ seq, at, attempts, suspect: false, inLog: false, line: line.head })
    }
  }
}

/** What may be taken of one scope, oldest first. */
export class ScopeLines {
  readonly #reader: LineReader
  /** By their fronts, the oldest last. */
  readonly #lines: Line[] = []
  #last: Head | undefined
  #hasMore: boolean
  #ahead = 4

  constructor(reader: LineReader, hasMore: boolean) {
    this.#reader = reader
    this.#hasMore = hasMore
  }

  /** One after another in the order of `openAt`. */
  add(line: Line): void {
    this.#last = line.head
    this.#insert(line)
  }

  next(): { readonly at: number; readonly candidate: Candidate } | undefined {
    this.#readAhead()
    const line = this.#lines.pop()
    const candidate = line?.waiting.shift()
    if (line === undefined || candidate === undefined) return undefined
    line.size += 1
    line.at = Math.max(line.at, candidate.at)
    if (line.head.key === '' || line.size < MAX_RUN) {
      if (line.waiting.length === 0 && !line.isWhole) this.#reader.read([line], line.size + 1)
      this.#insert(line)
    }
    return { at: line.at, candidate }
  }

  /** Until no line that was not read can have an older front. */
  #readAhead(): void {
    while (this.#hasMore && this.#last !== undefined) {
      const front = this.#lines.at(-1)
      if (front !== undefined && !isBefore(this.#last, frontOf(front))) return
      const heads = this.#reader.after(this.#last, this.#ahead)
      this.#hasMore = heads.length === this.#ahead
      this.#ahead *= 2
      for (const line of this.#reader.open(heads, 2)) this.add(line)
    }
  }

  #insert(line: Line): void {
    if (line.waiting.length === 0) return
    const front = frontOf(line)
    let [low, high] = [0, this.#lines.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.#lines[middle]
      if (other !== undefined && isBefore(front, frontOf(other))) low = middle + 1
      else high = middle
    }
    this.#lines.splice(low, 0, line)
  }
}

function frontOf({ waiting, at }: Line): Place {
  const [front] = waiting
  return { at: Math.max(at, front?.at ?? 0), seq: front?.seq ?? 0n }
}
