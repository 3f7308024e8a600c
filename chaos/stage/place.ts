/** Where the store of a run is, and what a producer does there beside calling Waybill. */
import type { Store } from 'waybill'
import { postgres } from 'waybill/postgres'
import { sqlite } from 'waybill/sqlite'

/** As it is told to a child. */
export type Place =
  | { readonly kind: 'postgres'; readonly url: string }
  | { readonly kind: 'sqlite'; readonly path: string }

/** Ten years: nothing may leave the table before it was read, also when the clock is stepped by days. */
const RETAIN_MS = 10 * 365 * 86_400_000

/** `name` is what the database's list of sessions shows. */
export function openPlace(place: Place, name: string): Store {
  return place.kind === 'postgres'
    ? postgres({ url: `${place.url}?application_name=${name}`, retainDeliveredMs: RETAIN_MS })
    : sqlite({ path: place.path, retainDeliveredMs: RETAIN_MS })
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

export async function insertOrder(place: Place, handle: unknown, { tx, lane, messages }: Order): Promise<void> {
  const values = [tx, lane, messages]
  if (place.kind === 'sqlite') (handle as SqliteHandle).prepare(INSERT_SQLITE).run(...values)
  else await (handle as PgHandle).query({ text: INSERT_POSTGRES, values })
}

/** A statement that the database refuses, as any constraint would. */
export async function failStatement(place: Place, handle: unknown): Promise<void> {
  if (place.kind === 'sqlite') (handle as SqliteHandle).prepare(NO_SUCH_TABLE).all()
  else await (handle as PgHandle).query({ text: NO_SUCH_TABLE })
}
