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
 * Everything else that is pending is a row of `outbox_due`: scheduled messages, retries, released ones, suspects,
 * and the members of lines.
 *
 * ## Two ways to choose
 * A lane without an order whose messages are all of one scope is claimed as it lies: what is due, in the order of
 * (available_at, seq), merged with the log, a log row standing at the time it was enqueued. That there is one scope
 * only is known, not guessed: each row of the log is looked at once, in its index, before a claim takes from behind
 * it, and the scheduled ones have their scopes in an index of their own (outbox-queue.ts).
 *
 * Otherwise messages go through lines (outbox-lines.ts): a claim first moves what lies ahead in the log, and what has
 * become due, into the lines (outbox-arrival.ts), each message once and 2,000 in a transaction; between those the
 * lock is free. Then it takes in turns from the lines that are open (outbox-turns.ts). With several scopes it reads
 * the log to its end first, as the smallest backlog may lie behind the largest; with one scope it takes what one step
 * has found. A queue that once had several scopes keeps its lines.
 *
 * ## Why the order of a key holds
 * Numbers ascend in the order of the commits, and a line is read by number, so its front is the first of its key of
 * all that were moved. What was not moved lies in the log behind `pos`, with higher numbers than all of the log that
 * was. Only a scheduled message can stand in a line with a number behind `pos`, as enqueue put it there; while the log
 * was not read to its end, nothing of a key is taken behind `pos`. Whatever closes a line is in the database, and is
 * looked at, in the transaction that changes it: claimed members are counted, dead letters of a `block` lane carry
 * their key, and settling, expiry, redriving, discarding and purging end with `arrangeLines`. So when a claim finds a
 * line open, nothing of it is claimed, and nothing of it is in front of its front. From one line a claim takes
 * successive members, until one that is not due, a suspect, or behind a dead letter.
 *
 * ## Steps
 * Before: `isAnythingDue`, on the reading connection, without a lock; an idle poll stops there and has written
 * nothing. A closed line is nothing due, however long it is. Then, in one transaction that holds the write lock:
 * 1. claims whose lease is over end (outbox-expiry.ts);
 * 2. scopes are looked at, messages moved, candidates chosen; or the answer is `more`, and it goes on in another;
 * 3. the claim and its messages are recorded, their due rows go, their lines close, the position moves.
 *
 * ## What can interleave
 * Nothing, inside the transaction: a second claim, a settle, an enqueue waits for the lock or runs before it.
 * Between `isAnythingDue` and the transaction, and between two steps of one claim, anything may happen: another claim
 * may move and take the same messages, an enqueue may add to the log or to a line, an operator may pause. Each step
 * reads everything again, and none relies on the one before but for what that has committed. A settle that comes
 * after its lease was ended here finds no claim and answers lost_claim; one that comes before wins. A process killed
 * before the commit has claimed nothing; killed after it, its lease expires.
 */
import { MAX_TIME } from '../../core/validate.js'
import type { ClaimRequest, LaneOrdering, OutboxClaim } from '../../outbox/contract.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrivalStatements, arrive } from './outbox-arrival.js'
import { candidateStatements, isBefore, readSuspect, takeMerged, type Choice } from './outbox-candidates.js'
import { endExpiredClaims, expiryStatements } from './outbox-expiry.js'
import { lineReaderStatements } from './outbox-line-reader.js'
import { lookAtScopes, queueStatements, readQueue, saveQueue, type QueueState } from './outbox-queue.js'
import { recordClaim, recordStatements } from './outbox-record.js'
import { takeInTurns, turnStatements } from './outbox-turns.js'
import type { Tables } from './tables.js'

/** Transactions of one claim that move messages into lines before it takes what it has found: 200,000 messages. */
const MAX_STEPS = 100

export type ClaimStatements = ReturnType<typeof claimStatements>

export function claimStatements(t: Tables) {
  const queue = 'lane = ?1 and target = ?2'
  const somethingNew = `exists (select 1 from ${t.outbox_queue} where ${queue} and next_expiry <= ?3)
or exists (select 1 from ${t.outbox_message} where ${queue} and available_at is null and seq >
  coalesce((select pos from ${t.outbox_queue} where ${queue}), 0))
or exists (select 1 from ${t.outbox_due} where ${queue} and timed = 1 and suspect = 0 and available_at <= ?3)`
  const notPaused = `not exists (select 1 from ${t.outbox_pause} where lane = ?1 and target in ('', ?2))`
  return {
    ...arrivalStatements(t),
    ...candidateStatements(t),
    ...expiryStatements(t),
    ...lineReaderStatements(t),
    ...queueStatements(t),
    ...recordStatements(t),
    ...turnStatements(t),
    anything: `select 1 where ${notPaused} and (${somethingNew}
or exists (select 1 from ${t.outbox_due} where ${queue} and timed = 1 and suspect = 1 and available_at <= ?3)
or exists (select 1 from ${t.outbox_key} where ${queue} and open_at is not null))`,
    anythingOfScopes: `select 1 where ${notPaused} and (${somethingNew}
or exists (select 1 from ${t.outbox_due} where ${queue} and timed = 1 and suspect = 1 and available_at <= ?3
  and scope in (select value from json_each(?4)))
or exists (select 1 from json_each(?4) s cross join ${t.outbox_key} k
  on k.lane = ?1 and k.target = ?2 and k.scope = s.value and k.open_at is not null))`,
  }
}

/** A look without the lock, so that an idle poll waits for nobody. */
export function isAnythingDue(query: SqliteQuery, sql: ClaimStatements, request: ClaimRequest, now: number): boolean {
  const { lane, target, scopes } = request
  const rows = scopes === undefined ? query(sql.anything, lane, target, now)
    : query(sql.anythingOfScopes, lane, target, now, JSON.stringify(scopes))
  return rows.length > 0
}

export interface ClaimContext {
  readonly sql: ClaimStatements
  readonly tag: string
  readonly now: number
  /** How often this claim has answered `more`. */
  readonly step: number
}

/** `more`: nothing yet, but there is more to look at; call again. */
export function claim(query: SqliteQuery, context: ClaimContext, request: ClaimRequest): OutboxClaim | 'more' | null {
  const { sql, now, tag } = context
  const { lane, target } = request
  const { state: before, ordering, paused } = readQueue(query, sql, request)
  if (paused) return null
  const hasExpired = before.nextExpiry !== null && before.nextExpiry <= now
  const nextExpiry = hasExpired ? endExpiredClaims(query, sql, lane, target, now) : before.nextExpiry
  const look = lookAtScopes(query, sql, request, before)
  const { taken, pos, isComplete } = look.more ? { taken: [], pos: before.pos, isComplete: false }
    : choose(query, context, request, look.state, ordering)
  const save = (next: number | null): void =>
    saveQueue(query, sql, request, before, { ...look.state, pos, nextExpiry: next })
  if (taken.length === 0) {
    save(nextExpiry)
    return !isComplete || (nextExpiry !== null && nextExpiry <= now) ? 'more' : null
  }
  const leaseExpiresAt = Math.min(now + request.leaseMs, MAX_TIME)
  save(Math.min(nextExpiry ?? leaseExpiresAt, leaseExpiresAt))
  return recordClaim(query, sql, { tag, now, request, ordering, leaseExpiresAt }, taken)
}

interface FullChoice extends Choice {
  /** Everything was looked at. */
  readonly isComplete: boolean
}

/** The oldest suspect, alone, when nothing older is due; otherwise everything else up to `limit`. */
function choose(
  query: SqliteQuery, context: ClaimContext, request: ClaimRequest, state: QueueState, ordering: LaneOrdering,
): FullChoice {
  const { sql, now, step } = context
  const suspect = readSuspect(query, sql, request, now)
  const withSuspect = (choice: FullChoice, posWithout: bigint): FullChoice => {
    const [first] = choice.taken
    const isFirst = suspect !== undefined && (first === undefined || isBefore(suspect, first))
    return isFirst ? { ...choice, taken: [suspect], pos: posWithout } : choice
  }
  if (ordering === 'none' && !state.lined) {
    return withSuspect({ ...takeMerged(query, sql, request, state.pos, now), isComplete: true }, state.pos)
  }
  const { pos, isLogRead, isComplete } = arrive(query, sql, request, ordering, state.pos, now)
  // Another scope may lie behind; with one scope, whatever is found is its oldest.
  if (!isComplete && state.lined && step < MAX_STEPS) return { taken: [], pos, isComplete }
  const taken = takeInTurns(query, sql, {
    request, isOrdered: ordering !== 'none', lined: state.lined, end: isLogRead ? undefined : pos, now,
  })
  return withSuspect({ taken, pos, isComplete }, pos)
}
