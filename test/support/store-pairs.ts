/** Two stores on one database, each with connections of its own: what suites of a store's halves are run on. */
import pg from 'pg'
import postgresJs from 'postgres'
import { SQLITE_ENGINES, type SqliteEngineName } from '../../src/drivers/sqlite.js'
import { postgres } from '../../src/postgres.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { availableEngine, temporaryFile } from '../stores/sqlite-support.js'
import { lentSchema, postgresUrl } from './postgres-schemas.js'

interface StorePair {
  readonly stores: readonly Store[]
  /** Quoted, for statements beside the stores. */
  readonly table: (name: string) => string
  close(): Promise<void>
}

export type OpenPair = (settings: object) => Promise<StorePair>

/** `open` for a suite: the half of each store that it is about. */
export function halvesOf<Half>(open: OpenPair, halfOf: (store: Store) => Half | undefined) {
  return async (settings: object): Promise<{ store: Half; other: Half; close(): Promise<void> }> => {
    const { stores: [store, other], close } = await open(settings)
    return { store: halfOf(store!)!, other: halfOf(other!)!, close }
  }
}

/** By every engine that is here. */
export const SQLITE_PAIRS: readonly (readonly [name: string, open: OpenPair])[] = SQLITE_ENGINES
  .filter((engine) => availableEngine(engine) !== undefined)
  .map((engine) => [`sqlite by ${engine}`, openSqlitePair(engine)] as const)

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é{schema}`

export const POSTGRES_PAIRS: readonly (readonly [name: string, open: OpenPair])[] = [
  ['postgres (pg)', openPostgresPair({ client: 'pg' })],
  ['postgres (pg), serializable by default', openPostgresPair({ client: 'pg', isolation: 'serializable' })],
  ['postgres (postgres.js), hostile schema name', openPostgresPair({ client: 'postgres', suffix: HOSTILE })],
]

function openSqlitePair(engine: SqliteEngineName): OpenPair {
  return async (settings) => {
    const file = temporaryFile()
    const stores = [0, 1].map(() => sqlite({ path: file.path, engine, ...settings }))
    await stores[0]!.migrate()
    return {
      stores,
      table: (name) => `waybill_${name}`,
      async close() {
        for (const store of stores) await store.close()
        file.remove()
      },
    }
  }
}

interface PostgresPairOptions {
  readonly client: 'pg' | 'postgres'
  /** Of the schema's name. */
  readonly suffix?: string
  /** Of a connection, where it says nothing else. */
  readonly isolation?: string
}

function openPostgresPair({ client, suffix, isolation = 'read committed' }: PostgresPairOptions): OpenPair {
  return async (settings) => {
    const { name: schema, giveBack } = lentSchema(suffix)
    const connections = [0, 1].map(() => connect(client, isolation))
    const stores = connections.map(({ open }) => open({ schema, ...settings }))
    await stores[0]!.migrate()
    return {
      stores,
      table: (name) => `${quoteIdentifier(schema)}.${name}`,
      async close() {
        for (const store of stores) await store.close()
        await Promise.all(connections.map(({ end }) => end()))
        await giveBack()
      },
    }
  }
}

function connect(client: PostgresPairOptions['client'], isolation: string) {
  const url = postgresUrl ?? ''
  if (client === 'pg') {
    const pool = new pg.Pool({
      connectionString: url, max: 10, options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
    })
    return { open: (options: object): Store => postgres({ pool, ...options }), end: () => pool.end() }
  }
  const sql = postgresJs(url, { max: 10, onnotice: () => undefined })
  return { open: (options: object): Store => postgres({ sql, ...options }), end: () => sql.end() }
}
