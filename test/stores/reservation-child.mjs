/**
 * A producer in a process of its own, whose keys are reserved on Redis. It comes to its moment, says so, and waits to be
 * killed: before its transaction commits, or behind the commit, before the key is confirmed.
 */
import { createJiti } from 'jiti'

const jiti = createJiti(import.meta.url)
const { redis } = await jiti.import('../../src/redis.ts')
const { sqlite } = await jiti.import('../../src/sqlite.ts')
const { createWaybill } = await jiti.import('../../src/waybill.ts')

const [path, url, moment] = process.argv.slice(2)
const forever = () => {
  process.stdout.write(`${JSON.stringify({ at: moment })}\n`)
  return new Promise(() => setInterval(() => undefined, 60_000))
}
const { reservations } = redis({ url })
const provider = {
  reserve: (key, hold) => reservations.reserve(key, hold),
  confirm: (key, message) => (moment === 'behind' ? forever() : reservations.confirm(key, message)),
  release: (key, owner) => reservations.release(key, owner),
}
const waybill = createWaybill({
  store: sqlite({ path }),
  reservations: { namespace: 'orders', provider, onUnavailable: 'fail-closed', ttlMs: 4_000, timeoutMs: 3_000 },
})
await waybill.transaction(async (tx) => {
  await waybill.outbox.enqueue(tx, { type: 'order.placed', payload: { id: 'o-7' }, dedupeKey: 'order-7' })
  if (moment === 'before') await forever()
})
