/** Files of their own for SQLite tests, and the engines that are installed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import { scopeId } from '../../src/core/scope.js'
import { sqliteEngine, type SqliteEngineName, type SqliteHandle } from '../../src/drivers/sqlite.js'
import type { ClaimRequest, OutboxClaim } from '../../src/outbox/contract.js'
import type { NewMessage } from '../../src/outbox/message.js'
import type { SqliteConnection, SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { openSqlite, type SqliteDatabaseOptions } from '../../src/stores/sqlite/database.js'
import { SqliteOutboxStore, type SqliteOutboxOptions } from '../../src/stores/sqlite/outbox.js'

export function availableEngine(name: SqliteEngineName): SqliteEngine | undefined {
  try {
    return sqliteEngine(name)
  } catch (error) {
    if (isWaybillError(error, 'DRIVER_MISSING')) return undefined
    throw error
  }
}

export function temporaryFile(): { readonly path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-sqlite-'))
  return { path: join(directory, 'outbox.db'), remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** A file that goes when the test ends. */
export function testFile(): string {
  const { path, remove } = temporaryFile()
  onTestFinished(remove)
  return path
}

export type StoreOptions = Partial<SqliteDatabaseOptions> & SqliteOutboxOptions

/** A store that closes when the test ends; not migrated. */
export function openStore(options: StoreOptions = {}): SqliteOutboxStore {
  const database = openSqlite({ engine: sqliteEngine(), ...options, path: options.path ?? testFile() })
  const store = new SqliteOutboxStore(database, options)
  onTestFinished(() => store.close())
  return store
}

export async function migratedStore(options: StoreOptions = {}): Promise<SqliteOutboxStore> {
  const store = openStore(options)
  await store.migrate()
  return store
}

/** A caller's own connection. */
export function openHandle(path: string): SqliteConnection & { readonly handle: SqliteHandle } {
  const connection = sqliteEngine().open(path)
  onTestFinished(() => connection.close())
  return connection as SqliteConnection & { readonly handle: SqliteHandle }
}

export const LANE = 'orders'
export const TARGET = 'mailer'

export function message(part: Partial<NewMessage> = {}): NewMessage {
  return {
    scope: scopeId('default'), lane: LANE, target: TARGET, type: 'order.placed', key: null,
    payload: Buffer.from('{}'), contentType: 'application/json', headers: {}, dedupe: null, due: null, maxAttempts: 20,
    ...part,
  }
}

export function keyed(key: string, digest = 'a'): NewMessage {
  return message({ dedupe: { key, digest: Buffer.from(digest) } })
}

/** Enqueues in one transaction of the store's own and answers the ids. */
export async function put(store: SqliteOutboxStore, ...messages: readonly NewMessage[]): Promise<string[]> {
  const results = await store.transaction((tx) => store.enqueueMany(tx, messages))
  return results.map(({ id }) => id)
}

export function take(store: SqliteOutboxStore, part: Partial<ClaimRequest> = {}): Promise<OutboxClaim | null> {
  return store.claim({
    lane: LANE, target: TARGET, limit: 100, leaseMs: 30_000, consumer: 'worker-1', scopes: undefined, ...part,
  })
}

export function idsOf(claim: OutboxClaim | null): string[] {
  return claim?.messages.map(({ id }) => id) ?? []
}
