/** A cache of the open orders, in a database of its own. A process: it may be killed at any time. */
import Database from 'libsql'
import { createWaybill } from 'waybill'
import { sqlite } from 'waybill/sqlite'
import { CAPACITY, FEED, type Order } from './order.js'

const [, , path = '', cachePath = ''] = process.argv
const cache = new Database(cachePath)
cache.exec('create table if not exists cached (signature text primary key, id integer, customer text, total integer)')
const put = cache.prepare('insert or replace into cached values (?, ?, ?, ?)')
const remove = cache.prepare('delete from cached where signature = ?')

/** Twice does no harm: a row is what it was last. */
function set(signature: bigint, order: Order | undefined): void {
  if (order === undefined) remove.run(String(signature))
  else put.run(String(signature), order.id, order.customer, order.total)
}

const waybill = createWaybill({ store: sqlite({ path }) })
const openOrders = waybill.feed(FEED, { capacity: CAPACITY })
const subscriber = waybill.subscriber({
  id: 'cache', feeds: [openOrders], start: 'snapshot', recovery: 'auto_reset',
  // Short, so that a new process need not wait long for the lease of one that was killed.
  leaseMs: 500,
  // At the start, and when results are gone: all rows in place of those that are there.
  async onSnapshot(snapshot) {
    cache.exec('delete from cached')
    for await (const { signature, value } of snapshot.rows) set(signature, value as Order | undefined)
    process.send?.(String(snapshot.sequence))
  },
  onResult({ sequence, changes }) {
    for (const { op, signature, after } of changes) if (op !== 'noop') set(signature, after as Order | undefined)
    process.send?.(String(sequence))
  },
})
await subscriber.start()

process.once('message', () => void stop())
async function stop(): Promise<void> {
  await subscriber.stop()
  await waybill.close()
  cache.close()
  process.disconnect()
}
