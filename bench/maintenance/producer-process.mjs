// A producer: one transaction after another with a message in it, and a pause between, for as long as it is told.
// Answers how long each took, from its beginning to the end of its commit.
import { setTimeout as pause } from 'node:timers/promises'
import { draftOf } from '../outbox/order.mjs'
import { openWaybill } from './opening.mjs'

const [kind, address] = process.argv.slice(2)
const waybill = openWaybill(kind, address)
let count = 0

process.on('message', async ({ forMs, thinkMs }) => {
  const took = []
  for (const began = performance.now(); performance.now() - began < forMs;) {
    const at = performance.now()
    await waybill.transaction((tx) => waybill.outbox.enqueue(tx, draftOf(count += 1)))
    took.push(performance.now() - at)
    await pause(thinkMs * (0.5 + Math.random()))
  }
  process.send(took)
})
process.on('disconnect', () => waybill.close())
process.send('ready')
