/**
 * Settling and extending a claim. The token names the claim's row; a message is open in it while
 * `outbox_claimed` has it under the claim's number. Whoever ends the claim deletes both, so a stale token
 * finds nothing, and as the whole call is one write transaction, what it finds cannot change under it.
 */
import type { SqlRow } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type { ExtendRequest, SettleAnswer, SettleOutcome, SettleRequest } from '../../outbox/contract.js'
import { parseMessageId } from '../../outbox/message-id.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { arrangeLines, lineStatements } from './outbox-lines.js'
import { burySql, jsonOf, leaveKeysSql, pruneFailuresSql, MAX_FAILURES } from './outbox-rows.js'
import type { Tables } from './tables.js'

export type SettleStatements = ReturnType<typeof settleStatements>

export function settleStatements(t: Tables) {
  const claimedOf = `from json_each(?1) j cross join ${t.outbox_claimed} c on c.seq = `
  return {
    ...lineStatements(t),
    claimByToken: `select id, lane, target, consumer, suspect, open from ${t.outbox_claim} where token = ?1`,
    // One row that JSON.parse unfolds: handing 500 rows of five columns to JavaScript takes longer than
    // finding them.
    openMessages: `select json_group_array(json_array(j.key, c.attempts, m.max_attempts, m.scope,
  m.dedupe_key is not null, c.key, c.available_at is not null)) as open
${claimedOf}j.value join ${t.outbox_message} m on m.seq = c.seq where c.claim = ?2`,
    // Straight from the log, in no line and without a dedupe key: delivered, nothing is left of them but their rows.
    countPlain: `select count(*) as n ${claimedOf}j.value join ${t.outbox_message} m on m.seq = c.seq
where c.claim = ?2 and c.key is null and c.available_at is null and m.dedupe_key is null`,
    deliver: `insert into ${t.outbox_delivered} (seq, delivered_at, attempts, available_at)
select c.seq, ?2, c.attempts, c.available_at ${claimedOf}j.value`,
    bury: burySql(t, `${claimedOf}j.value`, '?2'),
    removeMessages: `delete from ${t.outbox_message} where seq in (select value from json_each(?1))`,
    removeFailures: `delete from ${t.outbox_failure} where seq in (select value from json_each(?1))`,
    removeRedriven: `delete from ${t.outbox_redriven} where seq in (select value from json_each(?1))`,
    removeEdits: `delete from ${t.outbox_edit} where seq in (select value from json_each(?1))`,
    leaveKeys: leaveKeysSql(t),
    // [seq, available_at or null for its place before, 1 when the attempt is given back, suspect]
    requeue: `insert into ${t.outbox_due} (seq, scope, lane, target, available_at, attempts, suspect, updated_at,
  timed, place, key)
select m.seq, m.scope, m.lane, m.target,
  coalesce(j.value ->> 1, min(coalesce(c.available_at, m.available_at, m.created_at), ?2)),
  max(c.attempts - (j.value ->> 2), 0), j.value ->> 3, ?2, c.key is null, 0, c.key
${claimedOf}j.value ->> 0 join ${t.outbox_message} m on m.seq = c.seq`,
    // [seq, error]
    fail: `insert into ${t.outbox_failure} (seq, attempt, at, consumer, error)
select c.seq, c.attempts, ?2, ?3, j.value ->> 1 ${claimedOf}j.value ->> 0`,
    pruneFailures: pruneFailuresSql(t),
    forget: `delete from ${t.outbox_claimed} where seq in (select value from json_each(?1))`,
    closeClaim: `delete from ${t.outbox_claim} where id = ?1`,
    shrinkClaim: `update ${t.outbox_claim} set open = ?2 where id = ?1`,
    extend: `update ${t.outbox_claim} as k set lease_until = ?2 where token = ?1
and (?3 is null or exists (select 1 from ${t.outbox_claimed} c cross join ${t.outbox_message} m on m.seq = c.seq
  where c.seq between k.first_seq and k.last_seq and c.claim = k.id and m.scope = ?3)) returning lane, target`,
    // No lease may end before next_expiry says that one might.
    lowerExpiry: `update ${t.outbox_queue} set next_expiry = ?3
where lane = ?1 and target = ?2 and (next_expiry is null or next_expiry > ?3)`,
  }
}

export interface SettleContext {
  readonly sql: SettleStatements
  readonly tag: string
  readonly now: number
  readonly retainDelivered: boolean
}

/** A row of `openMessages`. */
type OpenMessage = readonly [
  place: number, attempts: number, maxAttempts: number, scope: string, deduped: 0 | 1, key: string | null,
  hasPast: 0 | 1,
]

/** A message of this claim with the outcome that the call has for it. */
interface Ending {
  readonly seq: bigint
  readonly attempts: number
  readonly deduped: boolean
  readonly scope: string
  /** Of its ordered line. */
  readonly key: string | null
  /** It did not come straight from the log, so it may have failed, or have been redriven. */
  readonly hasPast: boolean
  readonly outcome: SettleOutcome
  readonly answer: SettleAnswer
}

export function settle(query: SqliteQuery, context: SettleContext, request: SettleRequest): readonly SettleAnswer[] {
  const { sql, tag } = context
  const answers = request.outcomes.map((): SettleAnswer => 'lost_claim')
  const [claim] = query(sql.claimByToken, request.token)
  if (claim === undefined) return answers
  // The first outcome for a message counts; a second one finds it no longer in the claim.
  const ids = new Set<string>()
  const asked: { readonly seq: bigint; readonly place: number }[] = []
  request.outcomes.forEach(({ id }, place) => {
    const seq = ids.has(id) ? undefined : parseMessageId(tag, id)
    ids.add(id)
    if (seq !== undefined) asked.push({ seq, place })
  })
  const sequences = jsonOf(asked.map(({ seq }) => seq))
  if (request.scope === undefined && request.outcomes.every(({ kind }) => kind === 'ack')
    && deliverPlain(query, context, claim, sequences, asked.length)) {
    for (const { place } of asked) answers[place] = 'delivered'
    return answers
  }
  const [found] = query(sql.openMessages, sequences, claim['id'] as bigint)
  const endings: Ending[] = []
  for (const open of JSON.parse(found?.['open'] as string) as OpenMessage[]) {
    const { seq, place } = asked[open[0]] ?? { seq: 0n, place: -1 }
    const outcome = request.outcomes[place]
    if (outcome === undefined || (request.scope !== undefined && open[3] !== request.scope)) continue
    const ending = endingOf(seq, open, outcome)
    answers[place] = ending.answer
    endings.push(ending)
  }
  if (endings.length > 0) {
    apply(query, context, claim, endings, endings.length === asked.length ? sequences : sequencesOf(endings))
  }
  return answers
}

/** What most settles are, without looking at each message; false, and nothing done, when one needs more than that. */
function deliverPlain(
  query: SqliteQuery, context: SettleContext, claim: SqlRow, sequences: string, count: number,
): boolean {
  const [plain] = query(context.sql.countPlain, sequences, claim['id'] as bigint)
  if (count === 0 || Number(plain?.['n']) !== count) return false
  if (context.retainDelivered) query(context.sql.deliver, sequences, context.now)
  else query(context.sql.removeMessages, sequences)
  leave(query, context.sql, claim, sequences, count)
  return true
}

/** The new expiry, or null when the claim is gone or has no open message of this scope. */
export function extend(
  query: SqliteQuery, sql: SettleStatements, request: ExtendRequest, now: number,
): number | null {
  const expiresAt = Math.min(now + request.leaseMs, MAX_TIME)
  const [claim] = query(sql.extend, request.token, expiresAt, request.scope ?? null)
  if (claim === undefined) return null
  query(sql.lowerExpiry, claim['lane'] as string, claim['target'] as string, expiresAt)
  return expiresAt
}

function endingOf(
  seq: bigint, [, attempts, maxAttempts, scope, deduped, key, hasPast]: OpenMessage, outcome: SettleOutcome,
): Ending {
  const answer = outcome.kind === 'ack' ? 'delivered' : outcome.kind === 'release' ? 'released'
    : outcome.kind === 'dead' || attempts >= maxAttempts ? 'dead_lettered' : 'requeued'
  return { seq, attempts, scope, key, deduped: deduped === 1, hasPast: hasPast === 1, outcome, answer }
}

function apply(
  query: SqliteQuery, context: SettleContext, claim: SqlRow, endings: readonly Ending[], sequences: string,
): void {
  const { sql, now } = context
  const withAnswer = (...answers: readonly SettleAnswer[]): readonly Ending[] =>
    endings.filter(({ answer }) => answers.includes(answer))
  const failed = endings.filter(({ outcome }) => 'error' in outcome)
  if (failed.length > 0) {
    const rows = failed.map(({ seq, outcome }) => `[${seq},${JSON.stringify('error' in outcome ? outcome.error : '')}]`)
    query(sql.fail, `[${rows.join(',')}]`, now, claim['consumer'] as string)
    for (const { seq, attempts } of failed) if (attempts > MAX_FAILURES) query(sql.pruneFailures, seq)
  }
  const dead = withAnswer('dead_lettered')
  if (dead.length > 0) query(sql.bury, sequencesOf(dead), now)
  const pending = withAnswer('requeued', 'released')
  // A release is no attempt: it clears no suspicion.
  const rows = pending.map(({ seq, outcome, answer }) => (
    `[${seq},${dueAt(outcome, now)},${answer === 'released' ? `1,${String(claim['suspect'])}` : '0,0'}]`))
  if (rows.length > 0) query(sql.requeue, `[${rows.join(',')}]`, now)
  const delivered = withAnswer('delivered')
  if (delivered.length > 0) {
    deliver(query, context, delivered, delivered.length === endings.length ? sequences : sequencesOf(delivered))
  }
  leave(query, sql, claim, sequences, endings.length)
  const lines = endings.flatMap(({ scope, key }) => (key === null ? [] : [{ scope, key, held: -1 }]))
  arrangeLines(query, sql, { lane: claim['lane'] as string, target: claim['target'] as string }, lines, now)
}

/** So many messages are open in the claim no more; with the last of them it ends. */
function leave(query: SqliteQuery, sql: SettleStatements, claim: SqlRow, sequences: string, count: number): void {
  query(sql.forget, sequences)
  const open = Number(claim['open']) - count
  if (open === 0) query(sql.closeClaim, claim['id'] as bigint)
  else query(sql.shrinkClaim, claim['id'] as bigint, open)
}

function deliver(
  query: SqliteQuery, context: SettleContext, delivered: readonly Ending[], sequences: string,
): void {
  const { sql, now, retainDelivered } = context
  const deduped = delivered.filter((ending) => ending.deduped)
  if (deduped.length > 0) query(sql.leaveKeys, sequencesOf(deduped), now)
  if (retainDelivered) return void query(sql.deliver, sequences, now)
  const withPast = delivered.filter(({ hasPast }) => hasPast)
  if (withPast.length > 0) {
    query(sql.removeFailures, sequencesOf(withPast))
    query(sql.removeRedriven, sequencesOf(withPast))
    query(sql.removeEdits, sequencesOf(withPast))
  }
  query(sql.removeMessages, sequences)
}

/** Null: at once, in its old place. */
function dueAt(outcome: SettleOutcome, now: number): number | null {
  if ('retryAt' in outcome) return outcome.retryAt
  if (!('retryInMs' in outcome) || outcome.retryInMs === undefined) return null
  return Math.min(now + outcome.retryInMs, MAX_TIME)
}

function sequencesOf(endings: readonly Ending[]): string {
  return jsonOf(endings.map(({ seq }) => seq))
}
