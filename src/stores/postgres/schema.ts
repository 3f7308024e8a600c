/**
 * Migrations: numbered, checksummed, applied once however many processes migrate at the same time. Everything is
 * created inside the schema by a `search_path` that is local to the migrating transaction, so the texts
 * below name no schema and no hostile name can reach them.
 */
import { newTag } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import type { SqlDatabase, SqlExecutor } from '../../core/sql.js'
import { orderingHeld, type LaneOrderings } from '../../outbox/contract.js'
import { TAG_LENGTH } from '../../outbox/message-id.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { migrationChecksum, pendingMigrations, type Migration } from '../../sql/migrations.js'
import { HEAP_TABLES } from './schema-dlq-heaps.js'
import { EDIT_FUNCTIONS, EDIT_TABLES } from './schema-edits.js'
import { FEED_TABLES } from './schema-feeds.js'
import { INBOX_ENTRY_FUNCTIONS, INBOX_FUNCTIONS, INBOX_SETTINGS, INBOX_TABLES } from './schema-inbox.js'
import { JOURNAL_PRUNE_ENTRY_FUNCTIONS, JOURNAL_PRUNE_FUNCTIONS } from './schema-journal-prune.js'
import { JOURNAL_REMOVE_ENTRY_FUNCTIONS, JOURNAL_REMOVE_FUNCTIONS } from './schema-journal-remove.js'
import { JOURNAL_ENTRY_FUNCTIONS, JOURNAL_FUNCTIONS, JOURNAL_TABLES } from './schema-journal.js'
import { OFFSET_TABLES } from './schema-offsets.js'
import { OUTBOX_CHOOSE_FUNCTIONS } from './schema-outbox-choose.js'
import { OUTBOX_CLAIM_FUNCTIONS } from './schema-outbox-claim.js'
import { OUTBOX_DEAD_FUNCTIONS } from './schema-outbox-dead.js'
import { OUTBOX_ORDER_FUNCTIONS } from './schema-outbox-order.js'
import { OUTBOX_PAGE_FUNCTIONS } from './schema-outbox-page.js'
import { OUTBOX_QUARANTINE_FUNCTIONS } from './schema-outbox-quarantine.js'
import { OUTBOX_SETTLE_FUNCTIONS } from './schema-outbox-settle.js'
import { OUTBOX_TABLES } from './schema-outbox.js'
import { PROGRESS_TABLES } from './schema-progress.js'

const MIGRATION_TABLE = `
create table if not exists migration (
  version integer primary key,
  name text not null,
  checksum text not null,
  applied_at timestamptz not null default now()
)`

/**
 * Settings of the functions that callers enter by. The path makes the bodies independent of the session's. The
 * planner settings are needed because a queue is planned while it is empty: a generic plan made then
 * would read and sort the whole table ever after (measured: 690 ms of lag instead of 37).
 */
const ENTRY_FUNCTIONS = [
  'outbox_claim(text, text, text[], integer, bigint, text, text, bigint)',
  'outbox_settle(text, bigint[], text[], text[], bigint[], bigint[], text, boolean, bigint)',
  'outbox_extend(text, bigint, text, bigint)',
  'outbox_resolve_dead(bigint[], text, boolean, bigint)',
  'outbox_purge_dead(bigint, bigint, text, bigint)',
  'outbox_quarantine(bigint[], text[], text, text, bigint)',
  'outbox_redrive_edited(bigint, text, bytea, text, text, text, bigint)',
  'outbox_order_lane(text, text)',
  ...JOURNAL_ENTRY_FUNCTIONS,
  ...JOURNAL_REMOVE_ENTRY_FUNCTIONS,
  ...JOURNAL_PRUNE_ENTRY_FUNCTIONS,
  ...INBOX_ENTRY_FUNCTIONS,
] as const
const ENTRY_SETTINGS = ['enable_seqscan = off', 'enable_bitmapscan = off', 'jit = off'] as const
/**
 * Of functions that look into every leaf of the journal's ring: one plan is kept, because planning for
 * eight leaves costs more than most pages, and it merges the leaves' indexes, because sorting would read all there is.
 */
const RING_SETTINGS = ['plan_cache_mode = force_generic_plan', 'enable_sort = off'] as const
/** What goes is looked up by index, never by reading a leaf; and nobody waits for long. */
const REMOVE_SETTINGS = [...RING_SETTINGS, 'enable_hashjoin = off', 'enable_mergejoin = off'] as const
const MORE_SETTINGS: readonly (readonly [names: readonly string[], settings: readonly string[]])[] = [
  [JOURNAL_ENTRY_FUNCTIONS, RING_SETTINGS],
  [JOURNAL_REMOVE_ENTRY_FUNCTIONS, REMOVE_SETTINGS],
  [JOURNAL_PRUNE_ENTRY_FUNCTIONS, [...REMOVE_SETTINGS, `lock_timeout = '50ms'`]],
  [INBOX_ENTRY_FUNCTIONS, INBOX_SETTINGS],
]

const MIGRATIONS: readonly Migration[] = [
  {
    version: 1, name: 'outbox',
    statements: [
      OUTBOX_TABLES, ...OUTBOX_PAGE_FUNCTIONS, ...OUTBOX_ORDER_FUNCTIONS, ...OUTBOX_CHOOSE_FUNCTIONS,
      ...OUTBOX_CLAIM_FUNCTIONS, ...OUTBOX_SETTLE_FUNCTIONS, ...OUTBOX_DEAD_FUNCTIONS, ...OUTBOX_QUARANTINE_FUNCTIONS,
    ],
  },
  {
    version: 2, name: 'journal',
    statements: [
      JOURNAL_TABLES, ...JOURNAL_FUNCTIONS, ...JOURNAL_REMOVE_FUNCTIONS, ...JOURNAL_PRUNE_FUNCTIONS,
      PROGRESS_TABLES, OFFSET_TABLES, FEED_TABLES, EDIT_TABLES, ...EDIT_FUNCTIONS, HEAP_TABLES,
      INBOX_TABLES, ...INBOX_FUNCTIONS,
    ],
  },
]

/** What ids begin with: those of messages, and those of events. */
const TAGS = ['tag', 'journal_tag'] as const

/** What the migrations would run, for review or for another tool. */
export function migrationSql(schema: string): string {
  const steps = MIGRATIONS.flatMap((migration) => [
    `-- ${migration.version} ${migration.name}`,
    ...migration.statements,
    `insert into migration (version, name, checksum) values (${migration.version}, '${migration.name}', `
      + `'${migrationChecksum(migration)}')`,
  ])
  const statements = [
    'begin', `create schema if not exists ${quoteIdentifier(schema)}`,
    `set local search_path to ${quoteIdentifier(schema)}`, MIGRATION_TABLE.trim(),
    ...steps, ...entrySettings(schema),
    ...TAGS.map((key) =>
      `insert into meta (key, value) values ('${key}', '${newTag(TAG_LENGTH)}') on conflict do nothing`),
    'commit',
  ]
  const ended = (text: string): string => (text.startsWith('--') ? text : `${text.trim().replace(/;$/, '')};`)
  return `${statements.map(ended).join('\n')}\n`
}

export async function migrate(database: SqlDatabase, schema: string, lanes: LaneOrderings): Promise<void> {
  await database.transaction(async (tx) => {
    const run = (text: string, params: readonly string[] = []): ReturnType<SqlExecutor['execute']> =>
      tx.execute({ text, params })
    // At a stricter isolation a migrator that waited would not see what the first one did.
    await run('set transaction isolation level read committed')
    // Taken before anything is read, so that of several migrators one applies and the others find it done.
    await run('select pg_advisory_xact_lock(hashtext($1), 0)', [`waybill.migrate.${schema}`])
    const [found] = await run('select 1 as one from pg_namespace where nspname = $1', [schema])
    if (found === undefined) await run(`create schema ${quoteIdentifier(schema)}`)
    await run(`set local search_path to ${quoteIdentifier(schema)}`)
    await run(MIGRATION_TABLE)
    const applied = await run('select version, checksum from migration order by version')
    const pending = pendingMigrations(MIGRATIONS, applied.map((row) => ({
      version: Number(row['version']), checksum: String(row['checksum']),
    })))
    for (const migration of pending) {
      for (const statement of migration.statements) await run(statement)
      await run('insert into migration (version, name, checksum) values ($1::integer, $2, $3)', [
        String(migration.version), migration.name, migrationChecksum(migration),
      ])
    }
    for (const text of pending.length > 0 ? entrySettings(schema) : []) await run(text)
    for (const key of TAGS) {
      await run('insert into meta (key, value) values ($1, $2) on conflict do nothing', [key, newTag(TAG_LENGTH)])
    }
    for (const [lane, ordering] of Object.entries(lanes).sort()) {
      const [row] = await run('select outbox_order_lane($1, $2) as stored', [lane, ordering])
      if (row?.['stored'] !== true) throw new WaybillError('CONFIG_INVALID', orderingHeld(lane), { details: { lane } })
    }
  })
}

function entrySettings(schema: string): readonly string[] {
  const settings = [`search_path = ${quoteIdentifier(schema)}, pg_temp`, ...ENTRY_SETTINGS]
  const all = new Map<string, readonly string[]>(ENTRY_FUNCTIONS.map((name) => [name, settings]))
  for (const [names, more] of MORE_SETTINGS) for (const name of names) all.set(name, [...settings, ...more])
  return [...all].flatMap(([name, own]) => own.map((setting) => `alter function ${name} set ${setting}`))
}
