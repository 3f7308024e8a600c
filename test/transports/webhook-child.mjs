/** A service in a process of its own: receives webhooks, and applies each in a SQLite file. */
import { createServer } from 'node:http'
import process from 'node:process'
import { createJiti } from 'jiti'

const jiti = createJiti(import.meta.url)
const { createWaybill, toNodeListener } = await jiti.import('../../src/index.ts')
const { sqlite } = await jiti.import('../../src/sqlite.ts')
const { receiveWebhook } = await jiti.import('../../src/webhook.ts')

const [path, secret, diesAt] = process.argv.slice(2)
const waybill = createWaybill({ store: sqlite({ path }) })
const die = () => {
  process.kill(process.pid, 'SIGKILL')
  // The signal may take a moment; nothing may happen in it.
  for (;;);
}

const receive = async (request) => {
  const response = await receiveWebhook(request, { secrets: [secret], inbox: waybill.inbox, consumer: 'orders' },
    (tx, { id, body }) => {
      tx.prepare('insert into applied (id, body) values (?, ?)').run(id, Buffer.from(body).toString())
      if (diesAt === 'effect') die()
    })
  if (diesAt === 'answer') die()
  return response
}
const server = createServer(toNodeListener(receive)).listen(0, '127.0.0.1', () => {
  process.stdout.write(`${server.address().port}\n`)
})
