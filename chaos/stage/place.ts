/** Where the store of a run is, and what a producer does there beside calling Waybill. */
import type { Store } from 'waybill'
import { memory } from 'waybill/memory'
import { postgres } from 'waybill/postgres'
import { redis } from 'waybill/redis'
import { sqlite } from 'waybill/sqlite'

/** As it is told to a child. */
export type Place =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'sqlite'; readonly path: string }
  | { readonly kind: 'redis'; readonly port: number }

export type SqlPlace = Exclude<Place, { readonly kind: 'redis' }>

/** Ten years: nothing may leave the table before it was read, also when the clock is stepped by days. */
const RETAIN_MS = 10 * 365 * 86_400_000

/** `name` is what the server's list of sessions shows. */
export function openPlace(place: Place, name: string): Store {
  switch (place.kind) {
    case 'postgres':
      return postgres({ url: `${place.url}?application_name=${name}`, retainDeliveredMs: RETAIN_MS })
    case 'sqlite': return sqlite({ path: place.path, retainDeliveredMs: RETAIN_MS })
    case 'redis': return openRedis(`redis://${name}:none@127.0.0.1:${place.port}`)
  }
}

/** Its feeds and checkpoints, as `createWaybill` takes them; what is done in a transaction takes effect at once. */
function openRedis(url: string): Store {
  const { name, feeds, checkpoints, close } = redis({ url })
  return { ...memory(), name, feeds, checkpoints, bind: () => undefined, transaction: (work) => work({}), close }
}

/** The application's own table, by which messages or events are counted without asking Waybill. */
export const CREATE_ORDERS = `
create table chaos_order (
  tx text primary key,
  lane text not null,
  messages integer not null
)`
const INSERT_POSTGRES = 'insert into chaos_order (tx, lane, messages) values ($1, $2, $3)'
const INSERT_SQLITE = 'insert into chaos_order (tx, lane, messages) values (?, ?, ?)'
const NO_SUCH_TABLE = 'select * from chaos_no_such_table'

interface PgHandle {
  query(config: { text: string; values?: unknown[] }): Promise<unknown>
}

interface SqliteHandle {
  prepare(text: string): { run(...values: unknown[]): unknown; all(...values: unknown[]): unknown }
}

export interface Order {
  readonly tx: string
  readonly lane: string
  readonly messages: number
}

/** Nothing on Redis, which has no table of the application's. */
export async function insertOrder(place: Place, handle: unknown, { tx, lane, messages }: Order): Promise<void> {
  await runStatement(place, handle, { postgres: INSERT_POSTGRES, sqlite: INSERT_SQLITE }, [tx, lane, messages])
}

/** A write of the application's own, in the transaction of the store's client. */
export async function runStatement(
  place: Place, handle: unknown, text: Readonly<Record<'postgres' | 'sqlite', string>>, values: readonly unknown[],
): Promise<void> {
  if (place.kind === 'sqlite') (handle as SqliteHandle).prepare(text.sqlite).run(...values)
  else if (place.kind === 'postgres') await (handle as PgHandle).query({ text: text.postgres, values: [...values] })
}

/** A statement that the database refuses, as any constraint would. */
export async function failStatement(place: Place, handle: unknown): Promise<void> {
  if (place.kind === 'sqlite') (handle as SqliteHandle).prepare(NO_SUCH_TABLE).all()
  else if (place.kind === 'postgres') await (handle as PgHandle).query({ text: NO_SUCH_TABLE })
}
