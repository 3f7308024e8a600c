/** Applying the migrations, and knowing whether they were. */
import { newTag } from '../../core/environment.js'
import type { SqlRow } from '../../core/sql.js'
import { TAG_LENGTH } from '../../outbox/message-id.js'
import { migrationChecksum, pendingMigrations, type Migration } from '../../sql/migrations.js'
import type { LaneOrderings } from '../../outbox/contract.js'
import type { SqliteDatabase } from './database.js'
import { notMigrated } from './errors.js'
import { declareLanes, laneStatements } from './lanes.js'
import { migrations, migrationTable } from './schema.js'

/**
 * BEGIN IMMEDIATE comes before anything is read, so of several migrators one applies the steps and the others
 * find them applied, and no claim is under way while lanes change. SQLite rolls schema changes back like any
 * other, so a kill leaves no half step.
 */
export async function migrate(database: SqliteDatabase, lanes: LaneOrderings): Promise<void> {
  const { tables: t, prefix } = database
  await database.write((query) => {
    query(migrationTable(t))
    const pending = pendingMigrations(migrations(prefix), appliedOf(query(appliedSql(database))))
    for (const migration of pending) {
      for (const statement of migration.statements) query(statement)
      query(`insert into ${t.migration} (version, name, checksum, applied_at) values (?1, ?2, ?3, ?4)`,
        migration.version, migration.name, migrationChecksum(migration), database.now())
    }
    for (const key of ['tag', 'journal_tag'] satisfies StoreTag[]) {
      query(`insert or ignore into ${t.meta} (key, value) values (?1, ?2)`, key, newTag(TAG_LENGTH))
    }
    declareLanes(query, laneStatements(t), lanes, database.now())
  })
}

/** What ids begin with: those of messages, and those of events. */
export type StoreTag = 'tag' | 'journal_tag'

/** One statement for both facts, as it may run in a caller's transaction. */
export function stateSql({ tables: t }: SqliteDatabase, key: StoreTag = 'tag'): string {
  return `select version, checksum, (select value from ${t.meta} where key = '${key}') as tag from ${t.migration}`
}

/**
 * The store's tag. @throws NOT_MIGRATED, CONFIG_INVALID, when the schema is not the one this version needs.
 */
export function tagOf(known: readonly Migration[], rows: readonly SqlRow[]): string {
  const pending = pendingMigrations(known, appliedOf(rows))
  const tag = rows[0]?.['tag']
  if (pending.length > 0 || typeof tag !== 'string') throw notMigrated()
  return tag
}

function appliedSql({ tables: t }: SqliteDatabase): string {
  return `select version, checksum from ${t.migration}`
}

function appliedOf(rows: readonly SqlRow[]): { version: number; checksum: string }[] {
  return rows.map((row) => ({ version: Number(row['version']), checksum: String(row['checksum']) }))
}
