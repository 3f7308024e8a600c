/** A relay in a process of its own; writes to a log, which several append to, when each delivery starts and ends. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { setTimeout as wait } from 'node:timers/promises'
import { createJiti } from 'jiti'

const jiti = createJiti(import.meta.url)
const { createWaybill } = await jiti.import('../../src/index.ts')
const { postgres } = await jiti.import('../../src/postgres.ts')
const { sqlite } = await jiti.import('../../src/sqlite.ts')

const [kind, place, schema, lane, log] = process.argv.slice(2)
const store = kind === 'sqlite' ? sqlite({ path: place }) : postgres({ url: place, schema })
const waybill = createWaybill({ store })
const note = (what, { key, payload, attempt }) => appendFileSync(log, `${what} ${key} ${payload} ${attempt} ${process.pid}\n`)

const relay = waybill.relay({
  lane, leaseMs: 1_500, concurrency: 5, batch: 20, pollMaxMs: 20, retry: { baseMs: 1, maxMs: 5 },
  handlers: {
    t: async (message) => {
      note('start', message)
      await wait(message.payload % 3)
      if (message.payload % 11 === 0 && message.attempt === 1) throw new Error('busy')
      note('end', message)
    },
  },
})
await relay.start()
process.stdout.write('started\n')
