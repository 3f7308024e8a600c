/** Between rows and the nouns of progress. */
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow, SqlValue } from '../../core/sql.js'
import type { DeadEvent, HeldDraft, HeldStream, PartProgress, PublisherState } from '../../journal/progress.js'
import { shownPart, type MemberRecord, type PartRecord } from '../../journal/publisher-record.js'
import { arrayLiteral } from './array-literal.js'
import { optionalText, toBigInt } from './row-values.js'

export function toPart(row: SqlRow): PartRecord {
  return {
    part: Number(row['part']), slots: BigInt.asUintN(64, toBigInt(row['slots'])), cursor: optionalText(row['cursor']),
    owner: optionalText(row['owner']), term: toBigInt(row['term']), leaseUntil: Number(row['lease_until']),
  }
}

/** None of a row that is there for the time alone. */
export function toMembers(rows: readonly SqlRow[]): readonly MemberRecord[] {
  return rows.flatMap(({ owner, lease_until: until }) => (
    typeof owner === 'string' ? [{ owner, leaseUntil: Number(until) }] : []))
}

/** Of the rows of one publisher, one for each part. */
export function toState(publisher: string, rows: readonly SqlRow[]): PublisherState | undefined {
  const [first] = rows
  return first === undefined ? undefined : {
    publisher, follow: String(first['follow']), members: Number(first['members']),
    parts: rows.map((row) => shownPart(toPart(row), Number(row['now']))),
  }
}

export function toHeld(row: SqlRow): HeldStream {
  return {
    scope: row['scope'] as ScopeId, stream: String(row['stream']), slot: Number(row['slot']),
    from: toBigInt(row['from_sequence']), to: toBigInt(row['to_sequence']), attempts: Number(row['attempts']),
    retryInMs: Number(row['retry_in']), error: String(row['error']),
  }
}

export function toDead(row: SqlRow): DeadEvent {
  return {
    number: toBigInt(row['number']), scope: row['scope'] as ScopeId, stream: String(row['stream']),
    id: String(row['event_id']), sequence: toBigInt(row['sequence']), type: String(row['type']),
    attempts: Number(row['attempts']), error: String(row['error']), diedAt: Number(row['died_at']),
  }
}

/** Slots as the signed integer that a column holds. */
export function signed(slots: bigint): bigint {
  return BigInt.asIntN(64, slots)
}

/** $2 to $7 of writeParts. */
export function partColumns(parts: readonly PartRecord[]): SqlValue[] {
  return [
    column(parts, ({ part }) => part), column(parts, ({ slots }) => signed(slots)),
    column(parts, ({ cursor }) => cursor), column(parts, ({ owner }) => owner), column(parts, ({ term }) => term),
    column(parts, ({ leaseUntil }) => leaseUntil),
  ]
}

/** $2 and $3 of writeMembers. */
export function memberColumns(members: readonly MemberRecord[]): SqlValue[] {
  return [column(members, ({ owner }) => owner), column(members, ({ leaseUntil }) => leaseUntil)]
}

/** $6 to $22 of saveAll. */
export function outcomeColumns({ held, freed, dead }: PartProgress): SqlValue[] {
  return [
    column(held, ({ scope }) => scope), column(held, ({ stream }) => stream), column(held, ({ slot }) => slot),
    column(held, ({ from }) => from), column(held, ({ to }) => to), column(held, ({ attempts }) => attempts),
    column(held, ({ retryInMs }) => retryInMs), column(held, ({ error }) => error),
    column(freed, ({ scope }) => scope), column(freed, ({ stream }) => stream),
    column(dead, ({ scope }) => scope), column(dead, ({ stream }) => stream), column(dead, ({ id }) => id),
    column(dead, ({ sequence }) => sequence), column(dead, ({ type }) => type),
    column(dead, ({ attempts }) => attempts), column(dead, ({ error }) => error),
  ]
}

/** $2 to $7 of redrive. */
export function redriveColumns(holds: readonly HeldDraft[], now: number | null): SqlValue[] {
  return [
    column(holds, ({ scope }) => scope), column(holds, ({ stream }) => stream), column(holds, ({ slot }) => slot), now,
    column(holds, ({ from }) => from), column(holds, ({ to }) => to),
  ]
}

function column<T>(items: readonly T[], valueOf: (item: T) => string | number | bigint | undefined): string {
  return arrayLiteral(items.map((item) => valueOf(item)?.toString() ?? null))
}
