/**
 * The claim.
 *
 * ## The log and its position
 * Messages without a time of their own are in the log: the rows of `outbox_message` whose `available_at` is
 * null, in the order of `seq`. A queue (lane and target) has a position, `outbox_queue.pos`; everything in
 * the log up to it has been handed on, and everything behind it waits. Claiming a thousand messages from the
 * log moves one number.
 *
 * A position would miss rows whose transaction commits late, behind others with higher numbers. Not here:
 * SQLite has one write transaction at a time, from its first write to its end. A number is taken by an
 * INSERT, so all numbers of one transaction are taken between the end of the one before and its own. So
 * numbers ascend in the order of the commits; one that was rolled back is absent, or given again later, still
 * above all that was committed; AUTOINCREMENT keeps those of deleted rows from coming back. A reader that
 * sees `seq` = n therefore sees every row up to n that will ever exist.
 *
 * Everything else that is pending is a row of `outbox_due`, ordered by (available_at, seq): scheduled
 * messages, retries, released ones, suspects, and messages of other scopes that a scoped claim passed over on
 * its way through the log. A claim merges both, a log row standing at the time it was enqueued.
 *
 * ## Steps
 * Before: `isAnythingDue`, on the reading connection, without a lock; an idle poll stops there and has
 * written nothing. Then, in one transaction that holds the write lock:
 * 1. claims whose lease is over end (outbox-expiry.ts);
 * 2. candidates are read and chosen (outbox-candidates.ts); what the scan passed over goes to `outbox_due`;
 * 3. the claim and its messages are recorded, their due rows go, the position moves.
 *
 * ## What can interleave
 * Nothing, inside the transaction: a second claim, a settle, an enqueue waits for the lock or runs before it.
 * Between `isAnythingDue` and the transaction anything may happen; the transaction reads everything again. A
 * settle that comes after its lease was ended here finds no claim and answers lost_claim; one that comes
 * before wins. A process killed before the commit has claimed nothing; killed after it, its lease expires.
 */
import { newToken } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type { ClaimRequest, OutboxClaim } from '../../outbox/contract.js'
import { formatMessageId } from '../../outbox/message-id.js'
import type { OutboxMessage } from '../../outbox/message.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import {
  candidateStatements, choose, readDue, readLog, type Candidate, type LogPage,
} from './outbox-candidates.js'
import { endExpiredClaims, expiryStatements } from './outbox-expiry.js'
import { jsonOf, lastErrorOf, toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type ClaimStatements = ReturnType<typeof claimStatements>

export function claimStatements(t: Tables) {
  const somethingNew = `exists (select 1 from ${t.outbox_queue} where lane = ?1 and target = ?2 and next_expiry <= ?3)
or exists (select 1 from ${t.outbox_message} where lane = ?1 and target = ?2 and available_at is null and seq >
  coalesce((select pos from ${t.outbox_queue} where lane = ?1 and target = ?2), 0))`
  return {
    ...candidateStatements(t),
    ...expiryStatements(t),
    anything: `select 1 where ${somethingNew} or exists (select 1 from ${t.outbox_due}
where lane = ?1 and target = ?2 and available_at <= ?3)`,
    anythingOfScopes: `select 1 where ${somethingNew} or exists (select 1 from json_each(?4) s
cross join ${t.outbox_due} d on d.lane = ?1 and d.target = ?2 and d.scope = s.value and d.available_at <= ?3)`,
    queue: `select pos, next_expiry from ${t.outbox_queue} where lane = ?1 and target = ?2`,
    saveQueue: `insert into ${t.outbox_queue} (lane, target, pos, next_expiry) values (?1, ?2, ?3, ?4)
on conflict (lane, target) do update set pos = excluded.pos, next_expiry = excluded.next_expiry`,
    divert: `insert into ${t.outbox_due} (seq, scope, lane, target, available_at, attempts, suspect, updated_at)
select m.seq, m.scope, m.lane, m.target, min(m.created_at, ?2), 0, 0, m.created_at
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value`,
    insertClaim: `insert into ${t.outbox_claim} (token, lane, target, consumer, claimed_at, lease_until, suspect, size,
  open, first_seq, last_seq) values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?10) returning id`,
    takeLog: `insert into ${t.outbox_claimed} (seq, claim, attempts) select value, ?2, 1 from json_each(?1)`,
    takeDue: `insert into ${t.outbox_claimed} (seq, claim, attempts, available_at)
select d.seq, ?2, d.attempts + 1, d.available_at from json_each(?1) j cross join ${t.outbox_due} d on d.seq = j.value`,
    dropDue: `delete from ${t.outbox_due} where seq in (select value from json_each(?1))`,
    // All but the payload as one text: each column handed to JavaScript costs 0.2 to 0.4 µs, JSON.parse less.
    bodies: `select m.seq, m.payload, json_array(m.scope, m.type, m.key, m.content_type, m.headers, m.dedupe_key,
  m.max_attempts, m.created_at) as fields
from json_each(?1) j cross join ${t.outbox_message} m on m.seq = j.value`,
    lastErrors: `select m.seq, ${lastErrorOf(t)} from json_each(?1) j
cross join ${t.outbox_message} m on m.seq = j.value`,
  }
}

export function isAnythingDue(query: SqliteQuery, sql: ClaimStatements, request: ClaimRequest, now: number): boolean {
  const { lane, target, scopes } = request
  const rows = scopes === undefined ? query(sql.anything, lane, target, now)
    : query(sql.anythingOfScopes, lane, target, now, JSON.stringify(scopes))
  return rows.length > 0
}

/** The columns of `bodies.fields`. */
type BodyFields = readonly [
  scope: ScopeId, type: string, key: string | null, contentType: string, headers: string, dedupeKey: string | null,
  maxAttempts: number, createdAt: number,
]

export interface ClaimContext {
  readonly sql: ClaimStatements
  readonly tag: string
  readonly now: number
}

interface Queue {
  readonly pos: bigint
  readonly nextExpiry: number | null
}

/** `more`: nothing yet, but there is more to look at; call again. */
export function claim(query: SqliteQuery, context: ClaimContext, request: ClaimRequest): OutboxClaim | 'more' | null {
  const { sql, now } = context
  const { lane, target } = request
  const before = readQueue(query, sql, request)
  let nextExpiry = before.nextExpiry
  if (nextExpiry !== null && nextExpiry <= now) nextExpiry = endExpiredClaims(query, sql, lane, target, now)
  const due = readDue(query, sql, request, now)
  const page = readLog(query, sql, request, before.pos)
  const { taken, left } = choose(due, page.mine, request.limit)
  const pos = left === undefined ? page.end : left.seq - 1n
  const passed = page.passed.filter((seq) => seq <= pos)
  if (passed.length > 0) query(sql.divert, jsonOf(passed), now)
  const leaseExpiresAt = Math.min(now + request.leaseMs, MAX_TIME)
  const save = (next: number | null): void => {
    if (pos !== before.pos || next !== before.nextExpiry) query(sql.saveQueue, lane, target, pos, next)
  }
  if (taken.length === 0) {
    save(nextExpiry)
    return isMore(page, nextExpiry, now) ? 'more' : null
  }
  save(Math.min(nextExpiry ?? leaseExpiresAt, leaseExpiresAt))
  return record(query, context, request, taken, leaseExpiresAt)
}

function isMore(page: LogPage, nextExpiry: number | null, now: number): boolean {
  return !page.exhausted || (nextExpiry !== null && nextExpiry <= now)
}

function readQueue(query: SqliteQuery, sql: ClaimStatements, { lane, target }: ClaimRequest): Queue {
  const [row] = query(sql.queue, lane, target)
  if (row === undefined) return { pos: 0n, nextExpiry: null }
  return { pos: row['pos'] as bigint, nextExpiry: row['next_expiry'] === null ? null : Number(row['next_expiry']) }
}

function record(
  query: SqliteQuery, { sql, tag, now }: ClaimContext, request: ClaimRequest, taken: readonly Candidate[],
  leaseExpiresAt: number,
): OutboxClaim {
  const token = newToken()
  const suspect = taken[0]?.suspect === true
  const sequences = taken.map(({ seq }) => seq)
  const ascending = sequences.toSorted((a, b) => (a < b ? -1 : 1))
  const [row] = query(sql.insertClaim, token, request.lane, request.target, request.consumer, now, leaseExpiresAt,
    suspect, taken.length, ascending[0] ?? 0n, ascending.at(-1) ?? 0n)
  const id = row?.['id'] as bigint
  const fromLog = taken.filter(({ inLog }) => inLog).map(({ seq }) => seq)
  const fromDue = taken.filter(({ inLog }) => !inLog).map(({ seq }) => seq)
  if (fromLog.length > 0) query(sql.takeLog, jsonOf(fromLog), id)
  if (fromDue.length > 0) {
    query(sql.takeDue, jsonOf(fromDue), id)
    query(sql.dropDue, jsonOf(fromDue))
  }
  const show = claimedMessage({ tag, request, token, leaseExpiresAt, now })
  return { token, leaseExpiresAt, suspect, messages: readMessages(query, sql, taken, show) }
}

type Show = (candidate: Candidate, body: SqlRow, lastError: string | undefined) => OutboxMessage

/** In the order of `taken`: sorting in SQLite would carry the payloads along. */
function readMessages(
  query: SqliteQuery, sql: ClaimStatements, taken: readonly Candidate[], show: Show,
): readonly OutboxMessage[] {
  const errors = lastErrors(query, sql, taken)
  const bodies = new Map(query(sql.bodies, jsonOf(taken.map(({ seq }) => seq))).map((row) => [row['seq'], row]))
  return taken.map((candidate) => {
    const { seq } = candidate
    const body = bodies.get(seq)
    if (body === undefined) throw new WaybillError('CORRUPT', `message ${seq} is claimed and does not exist`)
    return show(candidate, body, errors.get(seq))
  })
}

/**
 * What `toMessage` does for a whole row, without making one: merging objects took longer than the rest of a
 * claim.
 */
function claimedMessage(claim: {
  readonly tag: string
  readonly request: ClaimRequest
  readonly token: string
  readonly leaseExpiresAt: number
  readonly now: number
}): Show {
  const { tag, request: { lane, target, consumer }, token, leaseExpiresAt, now } = claim
  return ({ seq, at, attempts, inLog }, body, lastError) => {
    const [scope, type, key, contentType, headers, dedupeKey, maxAttempts, createdAt] =
      JSON.parse(body['fields'] as string) as BodyFields
    return {
      id: formatMessageId(tag, seq), scope, lane, target, type, key: key ?? undefined,
      payload: toBytes(body['payload']), contentType, headers: JSON.parse(headers) as Record<string, string>,
      dedupeKey: dedupeKey ?? undefined, status: 'claimed',
      // A log row stands at the running maximum; what it shows is its own time.
      availableAt: inLog ? createdAt : at,
      attemptCount: attempts + 1, maxAttempts, claimedBy: consumer, claimToken: token, leaseExpiresAt, lastError,
      createdAt, updatedAt: now,
    }
  }
}

/** Only messages that were claimed before can have failed. */
function lastErrors(query: SqliteQuery, sql: ClaimStatements, taken: readonly Candidate[]): Map<bigint, string> {
  const retried = taken.filter(({ inLog }) => !inLog).map(({ seq }) => seq)
  if (retried.length === 0) return new Map()
  return new Map(query(sql.lastErrors, jsonOf(retried)).flatMap((row) => (
    row['last_error'] === null ? [] : [[row['seq'] as bigint, row['last_error'] as string]])))
}
