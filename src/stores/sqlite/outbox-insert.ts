/**
 * Writing message rows.
 *
 * Binding is what an INSERT of many rows mostly does, and messages that are enqueued together mostly differ in little.
 * So what neighbours share is bound once for all of them. Where calls return at once, one statement after the last
 * INSERT tells the numbers of all; elsewhere another enqueue of the same transaction may come between, so there each
 * INSERT answers its numbers. Both were measured with 1,000 messages: docs/decisions/0022-sqlite-enqueue-binds-less.md.
 *
 * Placeholders appear once each and in order, so that a driver may turn them into plain question marks.
 */
import type { SqlRow, SqlSteps, SqlValue } from '../../core/sql.js'
import { MAX_TIME } from '../../core/validate.js'
import type { NewMessage } from '../../outbox/message.js'
import type { Tables } from './tables.js'

/** Rows per INSERT. Few sizes, so that each text is prepared once. */
const SIZES = [64, 8, 1] as const
/** Shorter runs of neighbours that share columns are written together with the messages around them. */
const MIN_RUN = 8

/** In the order of `sharedParams` and of `ownParams`. */
const SHARED = ['scope', 'lane', 'target', 'type', 'content_type', 'headers', 'max_attempts', 'created_at']
const OWN = ['key', 'dedupe_key', 'available_at', 'payload']

export type InsertStatements = ReturnType<typeof insertStatements>

export function insertStatements(t: Tables) {
  return {
    insertAlike: bySize((rows) => insertSql(t, SHARED, OWN, rows)),
    insertMixed: bySize((rows) => insertSql(t, [], [...SHARED, ...OWN], rows)),
    insertAlikeAnswering: bySize((rows) => `${insertSql(t, SHARED, OWN, rows)} returning seq`),
    insertMixedAnswering: bySize((rows) => `${insertSql(t, [], [...SHARED, ...OWN], rows)} returning seq`),
    lastNumber: 'select seq from sqlite_sequence where name = ?1',
  }
}

/** The rows follow the last number that was given, so they are successive. */
function insertSql(t: Tables, shared: readonly string[], own: readonly string[], rows: number): string {
  const columns = [...shared, ...own].join(', ')
  const firstOwn = 3 + shared.length
  const values = Array.from({ length: rows }, (_, row) => (
    `(${row + 1}, ${placeholders(firstOwn + own.length * row, own.length)})`))
  const last = 'max(coalesce((select seq from sqlite_sequence where name = ?1), 0), ?2)'
  return `insert into ${t.outbox_message} (seq, ${columns})
with shared (${['last', ...shared].join(', ')}) as (
  select ${last}${shared.length === 0 ? '' : `, ${placeholders(3, shared.length)}`}
), own (place, ${own.join(', ')}) as (values ${values.join(', ')})
select last + place, ${columns} from shared cross join own where true`
}

export interface InsertContext {
  readonly sql: InsertStatements
  readonly now: number
  /** The unquoted name under which SQLite keeps the message table's last number. */
  readonly sequenceName: string
  readonly numbers: AssignedNumbers
  /** Calls return at once, so nothing comes between two statements of one enqueue. */
  readonly isSync: boolean
}

/**
 * The highest number this process has assigned. SQLite takes numbers back with a rollback; an id that was
 * once answered to a caller shall not come to mean another message while the process runs.
 */
export interface AssignedNumbers {
  highest: bigint
}

/** The sequence numbers, in order. */
export function* insertMessages(
  { sql, now, sequenceName, numbers, isSync }: InsertContext, messages: readonly NewMessage[],
): SqlSteps<readonly bigint[]> {
  const written: bigint[] = []
  const add = (last: bigint, count: number): void => {
    for (let before = count - 1; before >= 0; before -= 1) written.push(last - BigInt(before))
    if (last > numbers.highest) numbers.highest = last
  }
  const [alike, mixed] = isSync ? [sql.insertAlike, sql.insertMixed]
    : [sql.insertAlikeAnswering, sql.insertMixedAnswering]
  for (let from = 0; from < messages.length;) {
    const run = lengthOfRun(messages, from)
    const isRun = run >= MIN_RUN
    const size = sizeFor(isRun ? run : messages.length - from)
    const params: SqlValue[] = [sequenceName, numbers.highest]
    const [first] = isRun ? messages.slice(from, from + 1) : []
    if (first !== undefined) pushShared(params, first, now)
    for (const message of messages.slice(from, from + size)) {
      if (!isRun) pushShared(params, message, now)
      pushOwn(params, message, now)
    }
    const rows = yield { text: (isRun ? alike : mixed).get(size) ?? '', params }
    // The order of the answer is not promised.
    if (!isSync) add(rows.map(seqOf).reduce((a, b) => (a > b ? a : b), 0n), size)
    from += size
  }
  if (isSync && messages.length > 0) {
    const [row = {}] = yield { text: sql.lastNumber, params: [sequenceName] }
    add(seqOf(row), messages.length)
  }
  return written
}

/** How many, from there on, share what is bound once. No more are counted than one INSERT takes. */
function lengthOfRun(messages: readonly NewMessage[], from: number): number {
  const first = messages[from]
  let end = from + 1
  while (end - from < SIZES[0] && areAlike(first, messages[end])) end += 1
  return end - from
}

function areAlike(a: NewMessage | undefined, b: NewMessage | undefined): boolean {
  return a !== undefined && b !== undefined && a.scope === b.scope && a.lane === b.lane && a.target === b.target
    && a.type === b.type && a.contentType === b.contentType && a.headers === b.headers
    && a.maxAttempts === b.maxAttempts
}

function pushShared(params: SqlValue[], message: NewMessage, now: number): void {
  params.push(message.scope, message.lane, message.target, message.type, message.contentType,
    JSON.stringify(message.headers), message.maxAttempts, now)
}

function pushOwn(params: SqlValue[], { key, dedupe, due, payload }: NewMessage, now: number): void {
  params.push(key, dedupe === null ? null : dedupe.key, dueAt(due, now), payload)
}

function dueAt(due: NewMessage['due'], now: number): number | null {
  if (due === null) return null
  return 'at' in due ? due.at : Math.min(now + due.inMs, MAX_TIME)
}

export function seqOf(row: SqlRow): bigint {
  return BigInt(row['seq'] as bigint)
}

export function sizeFor(count: number): number {
  return SIZES.find((size) => size <= count) ?? 1
}

export function bySize(text: (rows: number) => string): ReadonlyMap<number, string> {
  return new Map(SIZES.map((rows) => [rows, text(rows)]))
}

export function placeholders(first: number, count: number): string {
  return Array.from({ length: count }, (_, index) => `?${first + index}`).join(', ')
}
