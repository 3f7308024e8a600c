/** The shop: places orders and writes each one's message in the same transaction. A process of its own. */
import { setTimeout as sleep } from 'node:timers/promises'
import { sqlite, type SqliteHandle } from '../../sqlite.js'
import { createWaybill } from '../../waybill.js'
import { startChild } from './child.js'
import { NOWHERE, ORDERS_PER_SECOND, SHOP_FAULTS, type ShopSettings } from './plan.js'

const COUNTRIES = ['Chile', 'France', 'Ghana', 'Japan', 'Norway'] as const
const MAX_BEHIND_MS = 250

const counts = { committed: 0, rolledBack: 0 }
const child = startChild<ShopSettings>()
const waybill = createWaybill({ store: sqlite({ path: child.settings.database }) })

/** Thrown on purpose, as any bug or constraint would throw. */
class CardDeclined extends Error {}

async function placeOrder(id: string): Promise<void> {
  const shipTo = Math.random() < SHOP_FAULTS.shipsToNowhere ? NOWHERE : pick(COUNTRIES)
  const total = Math.ceil(Math.random() * 20_000)
  await waybill.transaction(async (tx) => {
    insertOrder(tx, id, shipTo, total)
    const payload = { order: id, shipTo, total }
    await waybill.outbox.enqueue(tx, { type: 'order.placed', target: 'warehouse', payload })
    if (Math.random() < SHOP_FAULTS.rollsBack) throw new CardDeclined()
  })
}

function insertOrder(tx: SqliteHandle, ...values: readonly (string | number)[]): void {
  const statement = tx.prepare('insert into orders (id, ship_to, total) values (?, ?, ?)') as {
    run(...values: readonly (string | number)[]): unknown
  }
  statement.run(...values)
}

function pick<T>(items: readonly [T, ...T[]]): T {
  return items[Math.floor(Math.random() * items.length)] ?? items[0]
}

let closing = false
void child.stopped.then(() => { closing = true })
child.ready(() => counts)

let dueAt = performance.now()
for (let number = 1; !closing; number += 1) {
  try {
    // No number is used twice, also when rolled back: a message without its order gives itself away.
    await placeOrder(`order-${number}`)
    counts.committed += 1
  } catch (error) {
    if (!(error instanceof CardDeclined)) throw error
    counts.rolledBack += 1
  }
  const { least, most } = ORDERS_PER_SECOND
  const pauseMs = 1_000 / (least + Math.random() * (most - least))
  dueAt = Math.max(dueAt, performance.now() - MAX_BEHIND_MS) + pauseMs
  const wait = dueAt - performance.now()
  if (wait >= 1) await sleep(wait)
}
await waybill.close()
child.end()
