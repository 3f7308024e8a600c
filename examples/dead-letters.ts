/**
 * What cannot be delivered, and what becomes of it: a mail server that is down for too long, an order that nobody
 * knows, one whose total is text, and an event that the search index refuses. An operator looks at the four, mends
 * one payload, has the rest tried again, and discards what will never work.
 *
 *     npm run examples
 *     node build/examples/dead-letters.js fail shop.db        makes them in a file, for `waybill dead`
 *     node build/examples/dead-letters.js deliver shop.db     tries again what was redriven there
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWaybill, permanentError } from 'waybill'
import { sqlite } from 'waybill/sqlite'

interface Order {
  readonly id: string
  readonly total: unknown
}

/** Works until nothing waits any more, with a mail server and an index that are up or down. */
async function work(path: string, isUp: boolean, orders: readonly Order[]): Promise<void> {
  await using waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  for (const order of orders) {
    await waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, {
        type: 'order.placed', target: 'mailer', key: order.id, payload: order, maxAttempts: 3,
      })
      await waybill.journal.append(tx, [{ stream: order.id, type: 'order.placed', payload: order }])
    })
  }
  await using relay = waybill.relay({
    lane: 'default', consumer: 'relay-1', concurrency: 1, retry: { baseMs: 1, maxMs: 1, jitter: 'none' },
    handlers: {
      mailer: ({ payload }) => {
        const { id, total } = payload as Order
        if (id === 'o-2') throw permanentError('no such customer: o-2')
        if (typeof total !== 'number') throw permanentError(`total of ${id} is no number`)
        if (!isUp) throw new Error('connect ECONNREFUSED 10.0.0.25:25')
        console.log(`mailed ${id}, ${total}`)
      },
    },
  })
  await using publisher = waybill.publisher({
    name: 'search', consumer: 'search-1', onFailure: 'dead_letter', concurrency: 1,
    publish: ({ stream }) => {
      if (!isUp && stream === 'o-4') throw permanentError('index is read-only')
      console.log(`indexed ${stream}`)
    },
  })
  for (let waits = true; waits;) {
    await relay.drain()
    waits = (await waybill.outbox.stats()).some(({ ready, scheduled }) => ready + scheduled > 0)
  }
  await publisher.drain()
}

const ORDERS: readonly Order[] = [
  { id: 'o-1', total: 12 }, { id: 'o-2', total: 5 }, { id: 'o-3', total: '42' }, { id: 'o-4', total: 30 },
]

/** What an operator does, who may as well do it by `waybill dead`. */
async function operate(path: string): Promise<void> {
  await using waybill = createWaybill({ store: sqlite({ path }) })
  const { deadLetters } = waybill
  const { groups } = await deadLetters.groups()
  for (const text of groups.map(({ count, error }) => `${count} × ${error}`).sort()) console.log(text)
  const { deadLetters: found } = await deadLetters.list({ source: 'outbox' })
  for (const { id, attempts, error } of found) {
    const payload = JSON.parse(Buffer.from((await deadLetters.get(id))?.payload ?? []).toString()) as Order
    const [answer] = payload.id === 'o-2' ? await deadLetters.discard(id)
      : typeof payload.total === 'number' ? await deadLetters.redrive(id)
      : await deadLetters.redrive(id, { payload: { ...payload, total: 42 }, note: 'total was text', by: 'ada' })
    console.log(`${payload.id}: ${answer}, after ${attempts} of ${error}`)
  }
  const { done } = await deadLetters.redriveAll({ source: 'publisher' })
  console.log(`events redriven: ${done}`)
}

const [step, file] = process.argv.slice(2)
if (file !== undefined) await work(file, step === 'deliver', step === 'deliver' ? [] : ORDERS)
else {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-dead-letters-'))
  const path = join(folder, 'shop.db')
  await work(path, false, ORDERS)
  await operate(path)
  await work(path, true, [])
  await using waybill = createWaybill({ store: sqlite({ path }) })
  console.log(`${(await waybill.deadLetters.list()).deadLetters.length} dead letters left`)
  rmSync(folder, { recursive: true })
}
