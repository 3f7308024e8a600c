/**
 * Open orders as a feed: the shop commits what changed with the order itself. A cache in another process follows, is
 * killed and started again, and ends equal to the database; a page in a browser follows over HTTP.
 *
 *     npm run examples                                       runs it and compares what it prints
 *     node build/examples/live-orders/main.js --serve        goes on, with a new order each second, for a browser
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import Database from 'libsql'
import { createWaybill, toNodeListener } from 'waybill'
import { sqlite } from 'waybill/sqlite'
import { CAPACITY, FEED, type Order } from './order.js'

const folder = mkdtempSync(join(tmpdir(), 'waybill-live-orders-'))
const path = join(folder, 'shop.db')
const cachePath = join(folder, 'cache.db')

const waybill = createWaybill({ store: sqlite({ path }) })
await waybill.migrate()
const openOrders = waybill.feed(FEED, { capacity: CAPACITY, key: (order: Order) => order.id })
const database = new Database(path)
database.exec('create table orders (id integer primary key, customer text, total integer, shipped integer default 0)')

/** The order and what it does to the feed commit together, or neither does. */
function inTransaction<T>(work: () => T): T {
  database.exec('begin immediate')
  try {
    const result = work()
    database.exec('commit')
    return result
  } catch (error) {
    database.exec('rollback')
    throw error
  }
}

function place(customer: string, total: number): number {
  return inTransaction(() => {
    const insert = database.prepare('insert into orders (customer, total) values (?, ?) returning id')
    const { id } = insert.get(customer, total) as { readonly id: number }
    openOrders.commitSync(database, [{ op: 'add', after: { id, customer, total } }])
    return id
  })
}

function ship(id: number): void {
  inTransaction(() => {
    database.prepare('update orders set shipped = 1 where id = ?').run(id)
    openOrders.commitSync(database, [{ op: 'delete', key: id }])
  })
}

// The cache, in a process of its own. It tells the sequence that it has taken over.
let cached = 0n
function startCache(): ChildProcess {
  const child = fork(join(import.meta.dirname, 'cache.js'), [path, cachePath])
  child.on('message', (sequence) => { cached = BigInt(String(sequence)) })
  return child
}

async function caughtUp(): Promise<void> {
  const { sequence = 0n } = await openOrders.state() ?? {}
  while (cached < sequence) await new Promise((next) => setTimeout(next, 10))
}

const rowsOf = (file: string, query: string): string => {
  const reader = new Database(file)
  const rows = reader.prepare(query).all()
  reader.close()
  return JSON.stringify(rows)
}
const inDatabase = (): string => rowsOf(path, 'select id, customer, total from orders where not shipped order by id')
const inCache = (): string => rowsOf(cachePath, 'select id, customer, total from cached order by id')

const first = place('ada', 30)
place('bob', 5)
let cache = startCache()
await caughtUp()
ship(first)
place('eve', 12)
await caughtUp()
console.log(`the cache has followed; equal to the database: ${inCache() === inDatabase()}`)

cache.kill('SIGKILL')
await once(cache, 'exit')
// More than the feed keeps: when the cache comes back, results it has not seen are gone, and it starts from a snapshot.
for (let n = 0; n < 3 * CAPACITY; n += 1) ship(place('ada', n))
place('bob', 8)
cache = startCache()
await caughtUp()
console.log(`killed, and behind by more than the feed keeps; equal to the database: ${inCache() === inDatabase()}`)

// The page, and the feed that it follows.
const handler = openOrders.handler()
const listener = toNodeListener(handler)
const page = readFileSync(resolve(import.meta.dirname, '../../../examples/live-orders/page.html'))
const server = createServer((request, response) => {
  if (request.url === '/') response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
  else void listener(request, response)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

if (process.argv.includes('--serve')) {
  console.log(`open ${url}`)
  for (let n = 0; ; n += 1) {
    await new Promise((next) => setTimeout(next, 1_000))
    const id = place(['ada', 'bob', 'eve'][n % 3] ?? 'ada', n)
    if (n % 4 === 3) ship(id - 2)
  }
}

// As a browser's EventSource: rows first, then what happens.
const followed = await fetch(`${url}/feed`, { headers: { accept: 'text/event-stream' } })
let text = ''
const events = followed.body?.pipeThrough(new TextDecoderStream()).getReader()
const until = async (pattern: RegExp): Promise<void> => {
  while (!pattern.test(text)) text += (await events?.read())?.value ?? ''
}
await until(/event: snapshot-end/)
place('eve', 99)
await until(/"total":99/)
console.log('a browser that follows has got the rows, and the order that came then')
await events?.cancel()

await caughtUp()
console.log(`at the end equal to the database: ${inCache() === inDatabase()}`)
cache.send('stop')
await once(cache, 'exit')
await handler.close()
server.close()
await waybill.close()
database.close()
rmSync(folder, { recursive: true })
