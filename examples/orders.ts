/**
 * Orders as events: the shop appends what happened, and two publishers follow, each at its own pace. One tells a
 * partner by webhook; the other keeps a projection, the revenue of each customer, in the same database.
 *
 *     npm run examples
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'libsql'
import { createWaybill } from 'waybill'
import { sqlite } from 'waybill/sqlite'
import { verifyWebhook, webhook } from 'waybill/webhook'

const folder = mkdtempSync(join(tmpdir(), 'waybill-orders-'))
const path = join(folder, 'shop.db')
const secret = `whsec_${Buffer.from('a secret of the partner and ours').toString('base64')}`

// The partner: verifies what it gets, and refuses the first request to see it come again.
let requests = 0
const told: string[] = []
const partner = createServer(async (request, response) => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  requests += 1
  if (requests > 1) {
    const body = Buffer.concat(chunks)
    verifyWebhook({ secrets: [secret], headers: request.headers, body })
    told.push(body.toString())
  }
  response.writeHead(requests > 1 ? 204 : 503).end()
})
await new Promise<void>((resolve) => partner.listen(0, '127.0.0.1', resolve))
const { port } = partner.address() as AddressInfo

const waybill = createWaybill({ store: sqlite({ path }) })
await waybill.migrate()
const database = new Database(path)
database.exec('create table orders (id text primary key, customer text, total integer)')
database.exec('create table revenue (customer text primary key, total integer, last_event integer)')

// The shop: the order and its event commit together, or neither does.
const place = (id: string, customer: string, total: number): void => {
  database.exec('begin immediate')
  try {
    database.prepare('insert into orders values (?, ?, ?)').run(id, customer, total)
    waybill.journal.appendSync(database, [
      {
        stream: `customer-${customer}`, type: 'order.placed', manifest: 'order.placed/2',
        payload: { id, customer, total },
      },
    ])
    database.exec('commit')
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}
place('o-1', 'ada', 30)
place('o-2', 'bob', 5)
place('o-3', 'ada', 12)
try {
  place('o-1', 'eve', 1_000)
} catch {
  console.log('o-1 is taken: no order, no event')
}

// Follower 1: the partner, by webhook. A request that fails is sent again; the customer's later orders wait for it.
const transport = webhook({
  url: `http://127.0.0.1:${port}/orders`, secrets: [secret], allowHttp: true, allowAddresses: ['127.0.0.1'],
})
const partnerPublisher = waybill.publisher({ name: 'partner', transport, retry: { baseMs: 10, maxMs: 100 } })

// Follower 2: the projection. It takes an event once, however often it comes: the row remembers the last one.
interface Placed { readonly customer: string; readonly total: number }
const projection = waybill.publisher({
  name: 'revenue',
  // The first orders were stored with another shape.
  upcast: {
    'order.placed/1': (old) => ({ manifest: 'order.placed/2', payload: { ...(old as object), customer: '?' } }),
  },
  publish({ payload, sequence }) {
    const { customer, total } = payload as Placed
    database.prepare(`insert into revenue values (?1, ?2, ?3) on conflict (customer)
      do update set total = total + excluded.total, last_event = excluded.last_event
      where excluded.last_event > last_event`).run(customer, total, sequence)
  },
})

await Promise.all([partnerPublisher.start(), projection.start()])
place('o-4', 'bob', 7)
while (told.length < 4) await new Promise((resolve) => setTimeout(resolve, 10))
await projection.drain()
await Promise.all([partnerPublisher.stop(), projection.stop()])

const orders = told.map((text) => JSON.parse(text) as { readonly id: string } & Placed)
const ofBob = orders.filter(({ customer }) => customer === 'bob').map(({ id }) => id)
console.log(`the partner was told of ${told.length} orders in ${requests} requests; bob's: ${ofBob.join(', ')}`)
const revenue = database.prepare('select customer, total from revenue order by customer').all() as Placed[]
for (const { customer, total } of revenue) {
  console.log(`${customer}: ${total}`)
}

await transport.close()
await waybill.close()
database.close()
partner.close()
rmSync(folder, { recursive: true })
