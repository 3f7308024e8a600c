/**
 * The tables.
 *
 * A message is a row that is written once, at enqueue, and updated by nothing that happens all the time: a quarantine
 * takes it out of the log by giving it a time, a redrive may give it another payload. Its state is the side table that
 * names it: `due` (pending, waiting for a time or in a line), `claimed`, `delivered`, `dead`. Named by none, it
 * waits in the log, behind the position of its queue. So an enqueue is one plain INSERT, and delivered history
 * does not lie in a claim's way.
 *
 * Lines, of a queue with several scopes or an ordered lane, are rows of `due` with a key, and a row of
 * `outbox_key` for each line: outbox-lines.ts.
 *
 * The open messages of a claim are rows keyed by seq, with the claim's number. Measured, claiming and acking
 * 100,000 messages in batches of 500, in µs a message (better-sqlite3 / libsql; 3.4 / 3.7 without any record
 * of claims): this 3.2 / 4.8, keyed by (token, seq) 4.5 / 5.8, a JSON array in the claim's row 3.0 / 3.1. The
 * array is cheapest to write, but a lookup by id must read every open claim, and settling a batch of 500 one
 * by one rewrites it 500 times.
 */
import { newTag } from '../../core/environment.js'
import { TAG_LENGTH } from '../../outbox/message-id.js'
import { migrationChecksum, type Migration } from '../../sql/migrations.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { checkpointTables } from './schema-checkpoints.js'
import { editTables } from './schema-edits.js'
import { heapTables } from './schema-dlq-heaps.js'
import { feedTables } from './schema-feeds.js'
import { inboxTables } from './schema-inbox.js'
import { journalTables } from './schema-journal.js'
import { offsetTables } from './schema-offsets.js'
import { progressTables } from './schema-progress.js'
import { tableNames, type Tables } from './tables.js'

export function migrationTable(t: Tables): string {
  return `create table if not exists ${t.migration} (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at integer not null
) strict`
}

export function migrations(prefix: string): readonly Migration[] {
  const t = tableNames(prefix)
  return [
    {
      version: 1, name: 'outbox',
      statements: [
        metaTable(t), ...messageTables(t, prefix), ...queueTables(t, prefix), ...claimTables(t),
        ...dueTables(t, prefix), ...endTables(t, prefix),
      ],
    },
    {
      version: 2, name: 'journal',
      statements: [
        ...journalTables(t, prefix), ...progressTables(t, prefix), ...offsetTables(t), ...feedTables(t, prefix),
        ...checkpointTables(t, prefix), ...editTables(t, prefix), ...heapTables(t, prefix),
        ...inboxTables(t, prefix),
      ],
    },
  ]
}

/** What the migrations would run, for review or for another tool. */
export function migrationSql(prefix: string): string {
  const t = tableNames(prefix)
  const steps = migrations(prefix).flatMap((migration) => [
    ...migration.statements,
    `insert into ${t.migration} (version, name, checksum, applied_at) values (${migration.version}, `
      + `'${migration.name}', '${migrationChecksum(migration)}', cast(strftime('%s', 'now') as integer) * 1000)`,
  ])
  const tags = ['tag', 'journal_tag'].map((key) =>
    `insert or ignore into ${t.meta} (key, value) values ('${key}', '${newTag(TAG_LENGTH)}')`)
  return ['begin immediate', migrationTable(t), ...steps, ...tags, 'commit'].map((text) => `${text};\n`).join('')
}

function metaTable(t: Tables): string {
  return `create table ${t.meta} (key text primary key, value text not null) strict, without rowid`
}

function messageTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    // The payload is last: SQLite reads a row only up to the last column asked for.
    `create table ${t.outbox_message} (
  seq integer primary key autoincrement,
  scope text not null,
  lane text not null,
  target text not null,
  created_at integer not null,
  available_at integer check (available_at >= 0),
  max_attempts integer not null check (max_attempts > 0),
  type text not null,
  key text,
  dedupe_key text,
  content_type text not null,
  headers text not null,
  payload blob not null
) strict`,
    // available_at is null: in the log, due at once. Holds all that a claim looks at while it scans, and all
    // that stats counts, so neither reads a message row; available_at is in it because SQLite asks for it
    // again.
    `create index ${index('outbox_message_log')} on ${t.outbox_message}
  (lane, target, seq, scope, created_at, available_at) where available_at is null`,
    // Only for counting: a scheduled message is claimed by its row in due.
    `create index ${index('outbox_message_scheduled')} on ${t.outbox_message} (lane, target, scope, available_at)
  where available_at is not null`,
    // digest: of the content. left_at: when the message was delivered or removed.
    `create table ${t.outbox_dedupe} (
  scope text not null,
  lane text not null,
  target text not null,
  dedupe_key text not null,
  digest blob not null,
  seq integer not null,
  left_at integer,
  primary key (scope, lane, target, dedupe_key)
) strict, without rowid`,
    `create index ${index('outbox_dedupe_age')} on ${t.outbox_dedupe} (left_at) where left_at is not null`,
  ]
}

function queueTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    // pos: everything of the log up to it has been handed on. next_expiry: no claim's lease ends before it.
    // scope: the only one seen in the log up to `seen`. lined: there are several, so messages go through lines.
    `create table ${t.outbox_queue} (
  lane text not null,
  target text not null,
  pos integer not null,
  next_expiry integer,
  scope text,
  seen integer not null,
  lined integer not null,
  primary key (lane, target)
) strict, without rowid`,
    // Those that were declared; the others are not ordered.
    `create table ${t.outbox_lane} (lane text primary key, ordering text not null) strict, without rowid`,
    // Target '': all of the lane's.
    `create table ${t.outbox_pause} (
  lane text not null,
  target text not null,
  primary key (lane, target)
) strict, without rowid`,
    // A line. held: how many of it are claimed. open_at, open_seq: its front, when that may be claimed.
    `create table ${t.outbox_key} (
  lane text not null,
  target text not null,
  scope text not null,
  key text not null,
  held integer not null,
  open_at integer,
  open_seq integer,
  primary key (lane, target, scope, key)
) strict, without rowid`,
    `create index ${index('outbox_key_order')} on ${t.outbox_key} (lane, target, open_at, open_seq)
  where open_at is not null`,
    `create index ${index('outbox_key_scope_order')} on ${t.outbox_key} (lane, target, scope, open_at, open_seq)
  where open_at is not null`,
  ]
}

function claimTables(t: Tables): string[] {
  return [
    // size: messages at first; open: those not settled. They lie between first_seq and last_seq.
    `create table ${t.outbox_claim} (
  id integer primary key,
  token text not null unique,
  lane text not null,
  target text not null,
  consumer text not null,
  claimed_at integer not null,
  lease_until integer not null,
  suspect integer not null,
  size integer not null,
  open integer not null,
  first_seq integer not null,
  last_seq integer not null
) strict`,
    // key: of the ordered line that waits for it.
    `create table ${t.outbox_claimed} (
  seq integer primary key,
  claim integer not null,
  attempts integer not null,
  available_at integer,
  key text
) strict`,
  ]
}

function dueTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    // key: in the line of that key of its scope; '' in the line of the scope's messages without an order; null in
    // none. place: in front of seq there. timed: claims watch its time.
    `create table ${t.outbox_due} (
  seq integer primary key,
  scope text not null,
  lane text not null,
  target text not null,
  available_at integer not null,
  attempts integer not null,
  suspect integer not null,
  updated_at integer not null,
  timed integer not null,
  place integer not null,
  key text
) strict`,
    `create index ${index('outbox_due_order')} on ${t.outbox_due} (lane, target, suspect, available_at, seq, scope)
  where timed = 1`,
    `create index ${index('outbox_due_line')} on ${t.outbox_due} (lane, target, scope, key, place, seq)
  where key is not null`,
  ]
}

/** `available_at` of a message that has left `due` or the log: null stands for the time its own row names. */
function endTables(t: Tables, prefix: string): string[] {
  const index = (name: string): string => quoteIdentifier(prefix + name)
  return [
    `create table ${t.outbox_delivered} (
  seq integer primary key,
  delivered_at integer not null,
  attempts integer not null,
  available_at integer
) strict`,
    `create index ${index('outbox_delivered_age')} on ${t.outbox_delivered} (delivered_at)`,
    // lane to key: of the line that it closes, or null.
    `create table ${t.outbox_dead} (
  seq integer primary key,
  dead_at integer not null,
  attempts integer not null,
  available_at integer,
  lane text,
  target text,
  scope text,
  key text
) strict`,
    `create index ${index('outbox_dead_age')} on ${t.outbox_dead} (dead_at)`,
    `create index ${index('outbox_dead_line')} on ${t.outbox_dead} (lane, target, scope, key, seq)
  where key is not null`,
    // The latest time, as long as the message is stored.
    `create table ${t.outbox_redriven} (seq integer primary key, redriven_at integer not null) strict`,
    // The history of failed attempts; it lives as long as its message.
    `create table ${t.outbox_failure} (
  id integer primary key,
  seq integer not null,
  attempt integer not null,
  at integer not null,
  consumer text not null,
  error text not null
) strict`,
    `create index ${index('outbox_failure_message')} on ${t.outbox_failure} (seq)`,
  ]
}
