/**
 * The application's own rows, of which the feeds are the result: written in the same transactions. On Redis there are
 * none; what stands for them in the end are the rows as the server has them, read without Waybill.
 */
import type { Place } from '../stage/place.js'
import type { Stage } from '../stage/stage.js'
import { rowsKey } from './appended-feeds.js'
import type { Row } from './drafts.js'
import type { RowChange } from './history/events.js'

const CREATE = `
create table chaos_row (
  feed text not null,
  row_key text not null,
  row_value text not null,
  primary key (feed, row_key)
)`

interface Statements {
  readonly put: string
  readonly remove: string
  readonly clear: string
}

const POSTGRES: Statements = {
  put: `insert into chaos_row (feed, row_key, row_value) values ($1, $2, $3)
on conflict (feed, row_key) do update set row_value = excluded.row_value`,
  remove: 'delete from chaos_row where feed = $1 and row_key = $2',
  clear: 'delete from chaos_row where feed = $1',
}

const SQLITE: Statements = {
  put: `insert into chaos_row (feed, row_key, row_value) values (?, ?, ?)
on conflict (feed, row_key) do update set row_value = excluded.row_value`,
  remove: 'delete from chaos_row where feed = ? and row_key = ?',
  clear: 'delete from chaos_row where feed = ?',
}

interface PgHandle {
  query(config: { text: string; values: unknown[] }): Promise<unknown>
}

interface SqliteHandle {
  prepare(text: string): { run(...values: unknown[]): unknown }
}

export async function createRows(stage: Stage): Promise<void> {
  if (stage.store !== 'redis') await stage.query(CREATE)
}

export async function changeRows(
  place: Pick<Place, 'kind'>, handle: unknown, feed: string, changes: readonly RowChange[],
): Promise<void> {
  for (const [key, value] of changes) {
    if (value === null) await run(place, handle, 'remove', [feed, key])
    else await run(place, handle, 'put', [feed, key, value])
  }
}

export function clearRows(place: Pick<Place, 'kind'>, handle: unknown, feed: string): Promise<void> {
  return run(place, handle, 'clear', [feed])
}

export async function readRows(stage: Stage, feed: string): Promise<RowChange[]> {
  if (stage.store === 'redis') {
    const values = await stage.valuesOf(rowsKey(feed))
    return values.map((text) => JSON.parse(text) as Row).map(({ key, value }): RowChange => [key, value])
  }
  const rows = await stage.query('select feed, row_key, row_value from chaos_row')
  return rows.filter((row) => row['feed'] === feed)
    .map((row): RowChange => [String(row['row_key']), String(row['row_value'])])
}

async function run(
  place: Pick<Place, 'kind'>, handle: unknown, name: keyof Statements, values: string[],
): Promise<void> {
  if (place.kind === 'sqlite') (handle as SqliteHandle).prepare(SQLITE[name]).run(...values)
  else if (place.kind === 'postgres') await (handle as PgHandle).query({ text: POSTGRES[name], values })
}
