/** The run's SQLite file. */
import { join } from 'node:path'
import type { LaneDeclarations } from 'waybill'
import { openPlace, type Place } from './place.js'
import { prepareStage, type Query, type SqlStage } from './stage.js'

interface Handle {
  prepare(text: string): { all(): unknown; run(): unknown }
}

export async function openSqliteStage(folder: string, lanes: LaneDeclarations): Promise<SqlStage> {
  const place: Place = { kind: 'sqlite', path: join(folder, 'chaos.db') }
  const own = openPlace(place, 'chaos-run')
  const query: Query = (text) => own.transaction(async (handle) => {
    const statement = (handle as Handle).prepare(text)
    if (text.startsWith('select')) return statement.all() as Awaited<ReturnType<Query>>
    statement.run()
    return []
  })
  await prepareStage(own, query, lanes)
  const [row] = await query('select sqlite_version() as version')
  return {
    store: 'sqlite', version: String(row?.['version']),
    unreliable: place, direct: place, own, query, prefix: 'waybill_',
    close: () => own.close(),
  }
}
