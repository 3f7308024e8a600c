/** The run's SQLite file. */
import { join } from 'node:path'
import { openPlace, type Place } from './place.js'
import { countBacklog, countOrders, prepareStage, type Query, type Stage } from './stage.js'

interface Handle {
  prepare(text: string): { all(): unknown; run(): unknown }
}

export async function openSqliteStage(folder: string): Promise<Stage> {
  const place: Place = { kind: 'sqlite', path: join(folder, 'chaos.db') }
  const own = openPlace(place, 'chaos-run')
  const query: Query = (text) => own.transaction(async (handle) => {
    const statement = (handle as Handle).prepare(text)
    if (text.startsWith('select')) return statement.all() as Awaited<ReturnType<Query>>
    statement.run()
    return []
  })
  await prepareStage(own, query)
  const [row] = await query('select sqlite_version() as version')
  return {
    store: 'sqlite', version: String(row?.['version']), producers: place, relays: place, own,
    countBacklog: () => countBacklog(query, 'waybill_'),
    countOrders: () => countOrders(query),
    close: () => own.close(),
  }
}
