/** Publishers as their rows hold them, read and written inside whatever transaction the query is of. */
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type { DeadDraft, DeadEvent, HeldDraft, HeldStream, PublisherState } from '../../journal/progress.js'
import { changesOf, shownPart, type PartRecord, type PublisherRecord } from '../../journal/publisher-record.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import type { ProgressStatements } from './progress-statements.js'

export function readState(
  query: SqliteQuery, sql: ProgressStatements, publisher: string, now: number,
): PublisherState | undefined {
  const rows = query(sql.look, publisher, now)
  const [first] = rows
  return first === undefined ? undefined : {
    publisher, follow: String(first['follow']), members: Number(first['members']),
    parts: rows.map((row) => shownPart(toPart(row), now)),
  }
}

export function readRecord(query: SqliteQuery, sql: ProgressStatements, publisher: string): PublisherRecord {
  const [row] = query(sql.publisher, publisher)
  return {
    follow: optionalText(row?.['follow']), lastTerm: BigInt((row?.['last_term'] ?? 0n) as bigint),
    parts: query(sql.parts, publisher).map(toPart),
    members: query(sql.members, publisher).map((member) => (
      { owner: String(member['owner']), leaseUntil: Number(member['lease_until']) })),
  }
}

export function writeRecord(
  query: SqliteQuery, sql: ProgressStatements, publisher: string, before: PublisherRecord, after: PublisherRecord,
): void {
  const { parts, endedParts, members, endedMembers, isPublisherChanged } = changesOf(before, after)
  if (isPublisherChanged) query(sql.writePublisher, publisher, after.follow ?? null, after.lastTerm)
  for (const part of endedParts) query(sql.endPart, publisher, part)
  for (const { part, slots, cursor = null, owner = null, term, leaseUntil } of parts) {
    query(sql.writePart, publisher, part, BigInt.asIntN(64, slots), cursor, owner, term, leaseUntil)
  }
  for (const owner of endedMembers) query(sql.endMember, publisher, owner)
  for (const { owner, leaseUntil } of members) query(sql.writeMember, publisher, owner, leaseUntil)
}

export function writeHold(
  query: SqliteQuery, sql: ProgressStatements, publisher: string, hold: HeldDraft, now: number,
): void {
  const { scope, stream, slot, from, to, attempts, retryInMs, error } = hold
  query(sql.hold, publisher, scope, stream, slot, from, to, attempts, Math.min(now + retryInMs, MAX_TIME), error)
}

export function writeDead(
  query: SqliteQuery, sql: ProgressStatements, publisher: string, letter: DeadDraft, now: number,
): void {
  const { scope, stream, id, sequence, type, attempts, error } = letter
  query(sql.bury, publisher, scope, stream, id, sequence, type, attempts, error, now)
}

export function toHeld(row: SqlRow, now: number): HeldStream {
  return {
    scope: String(row['scope']) as ScopeId, stream: String(row['stream']), slot: Number(row['slot']),
    from: BigInt(row['from_sequence'] as bigint), to: BigInt(row['to_sequence'] as bigint),
    attempts: Number(row['attempts']), retryInMs: Math.max(0, Number(row['retry_at']) - now),
    error: String(row['error']),
  }
}

export function toDead(row: SqlRow): DeadEvent {
  return {
    number: BigInt(row['number'] as bigint), scope: String(row['scope']) as ScopeId, stream: String(row['stream']),
    id: String(row['event_id']), sequence: BigInt(row['sequence'] as bigint), type: String(row['type']),
    attempts: Number(row['attempts']), error: String(row['error']), diedAt: Number(row['died_at']),
  }
}

function toPart(row: SqlRow): PartRecord {
  return {
    part: Number(row['part']), slots: BigInt.asUintN(64, BigInt(row['slots'] as bigint)),
    cursor: optionalText(row['cursor']), owner: optionalText(row['owner']), term: BigInt(row['term'] as bigint),
    leaseUntil: Number(row['lease_until']),
  }
}

const optionalText = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
