// A Waybill on what a process was named: `postgres <url>` or `sqlite <path>`.
import { createWaybill } from '../../dist/index.js'
import { postgres } from '../../dist/postgres.js'
import { sqlite } from '../../dist/sqlite.js'

export function openWaybill(kind, address) {
  return createWaybill({ store: kind === 'postgres' ? postgres({ url: address }) : sqlite({ path: address }) })
}
