/** Offset stores over each store's tables, and over each store's journal, with faults where they write. */
import pg from 'pg'
import { WaybillError } from '../../src/core/errors.js'
import { pgDatabase } from '../../src/drivers/pg.js'
import type { JournalStore } from '../../src/journal/contract.js'
import { FencedOffsets, type OffsetLedger } from '../../src/journal/fenced-offsets.js'
import { Journal } from '../../src/journal/journal.js'
import { JournalOffsetStore, type JournalOffsetOptions } from '../../src/journal/journal-offset-store.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import type { SqliteEngine } from '../../src/sql/sqlite-connection.js'
import { SharedOffsets } from '../../src/stores/memory/offsets.js'
import { PostgresOffsets } from '../../src/stores/postgres/offsets.js'
import { PostgresOutboxStore } from '../../src/stores/postgres/outbox.js'
import { openSqlite } from '../../src/stores/sqlite/database.js'
import { SqliteOffsetLedger } from '../../src/stores/sqlite/offsets.js'
import { SqliteOutboxStore } from '../../src/stores/sqlite/outbox.js'
import type { OffsetFault, OpenedJournal, OpenedOffsets, OpenJournalSettings } from '../../src/testkit/index.js'
import { temporaryFile } from '../stores/sqlite-support.js'
import { dropSchema, freshSchema, postgresUrl } from './postgres-outbox.js'

type Fault = () => OffsetFault

async function faulty<T>(fault: Fault, write: () => Promise<T>): Promise<T> {
  const planned = fault()
  if (planned === 'before') throw new WaybillError('STORE_UNAVAILABLE', 'planned', { retryable: true })
  const answer = await write()
  if (planned === 'after') throw new WaybillError('STORE_UNAVAILABLE', 'planned', { retryable: true })
  return answer
}

function faultyLedger(ledger: OffsetLedger, fault: Fault): OffsetLedger {
  return {
    take: () => faulty(fault, async () => {
      const { offsets, write } = await ledger.take()
      return { offsets, write: (changed, saved) => faulty(fault, () => write(changed, saved)) }
    }),
  }
}

/** Transactions fail on plan; all else goes through. */
function faultyJournal(journal: JournalStore, fault: Fault): JournalStore {
  return new Proxy(journal, {
    get(target, key) {
      if (key === 'transaction') return (work: never) => faulty(fault, () => target.transaction(work))
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    },
  })
}

export async function openMemoryOffsets(): Promise<OpenedOffsets> {
  const names = new Map<string, SharedOffsets>()
  let isShut = false
  const assertOpen = (): void => {
    if (isShut) throw new WaybillError('CLOSED', 'the store is closed')
  }
  return {
    open(name, fault) {
      const shared = names.get(name) ?? new SharedOffsets(assertOpen)
      names.set(name, shared)
      return new FencedOffsets(name, faultyLedger(shared, fault))
    },
    shut: async () => { isShut = true },
    close: async () => undefined,
  }
}

/** Two connections to one file, so that owners are processes of their own as far as SQLite can tell. */
export async function openSqliteOffsets(engine: SqliteEngine): Promise<OpenedOffsets> {
  const file = temporaryFile()
  const databases = [0, 1].map(() => openSqlite({ path: file.path, engine }))
  const [first] = databases
  if (first === undefined) throw new Error('no database')
  await new SqliteOutboxStore(first).migrate()
  let opened = 0
  const shut = async (): Promise<void> => {
    await Promise.all(databases.map((database) => database.close()))
  }
  return {
    open(name, fault) {
      opened += 1
      return new FencedOffsets(name, faultyLedger(
        new SqliteOffsetLedger(databases[opened % 2] ?? first, name), fault))
    },
    async spoil(name) {
      const connection = engine.open(file.path)
      connection.exec('pragma ignore_check_constraints = 1')
      connection.query(`update ${first.tables.journal_offset} set sequence = x'0102' where publisher = ?1`, name)
      connection.close()
    },
    shut,
    async close() {
      await shut()
      file.remove()
    },
  }
}

export async function openPostgresOffsets(): Promise<OpenedOffsets> {
  const schema = freshSchema()
  const pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 20 })
  const database = pgDatabase(pool, { prepare: true, owned: false })
  await new PostgresOutboxStore(database, { schema, retainDeliveredMs: 0, now: undefined }).migrate()
  const offsets = new PostgresOffsets(database, { schema })
  return {
    open: (name, fault) => new FencedOffsets(name, faultyLedger(offsets.ledger(name), fault)),
    async spoil(name) {
      const table = `${quoteIdentifier(schema)}.journal_offset`
      await pool.query(`alter table ${table} drop constraint journal_offset_sequence_check`)
      await pool.query(`update ${table} set sequence = 'NaN' where publisher = $1`, [name])
    },
    shut: () => offsets.close(),
    async close() {
      await offsets.close()
      await pool.end()
      await dropSchema(schema)
    },
  }
}

/** A journal, and what offset stores on it write. */
export interface OpenedBucket extends OpenedOffsets {
  readonly store: JournalStore
  readonly journal: Journal<unknown>
  openWith(name: string, options: JournalOffsetOptions): JournalOffsetStore
}

export async function openJournalOffsets<Tx>(
  open: (settings: OpenJournalSettings) => Promise<OpenedJournal<Tx>>,
): Promise<OpenedBucket> {
  const opened = await open({})
  const store = opened.store as JournalStore
  const journal = new Journal(store, (tx) => tx)
  return {
    store,
    journal,
    open: (name, fault) => new JournalOffsetStore(name, faultyJournal(store, fault)),
    openWith: (name, options) => new JournalOffsetStore(name, store, options),
    // A record that is cut off.
    async spoil(name) {
      await journal.appendAlone([{
        stream: bucketOf(name), type: 'outbox-offsets', manifest: 'outbox-offsets', tags: ['outbox-offsets'],
        payload: Buffer.from('0100000003', 'hex'),
      }])
    },
    shut: () => store.close(),
    close: () => opened.close(),
  }
}

export function bucketOf(name: string): string {
  return `outbox::${name}::offsets`
}
