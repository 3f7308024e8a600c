/** A process of its own beside the test: a relay with a heap, or a processor of dead letters, that dies where it is told. */
import process from 'node:process'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const { built, outbox: outboxAt, heap: heapAt } = JSON.parse(process.argv[2])
const imported = (module) => import(pathToFileURL(`${built}/dist/${module}.js`).href)
const { createWaybill, DlqProcessor } = await imported('index')
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`)
const forever = () => new Promise(() => setInterval(() => undefined, 60_000))
const die = () => {
  process.kill(process.pid, 'SIGKILL')
  return forever()
}

async function openSql({ kind, place, schema }) {
  const store = kind === 'sqlite'
    ? (await imported('sqlite')).sqlite({ path: place, busyTimeoutMs: 20_000 })
    : (await imported('postgres')).postgres({ url: place, schema })
  return createWaybill({ store })
}

const waybill = await openSql(outboxAt)
const heaps = heapAt.kind === 'redis'
  ? (await imported('redis')).redis({ url: heapAt.place, prefix: heapAt.schema })
  : heapAt.place === outboxAt.place && heapAt.schema === outboxAt.schema ? waybill : await openSql(heapAt)
const heap = heaps.heap('mailer')

/** As a third party's, which forgets what it gives. */
const forgetful = {
  recordFailure: (id, error) => heap.recordFailure(id, error),
  recordSuccess: (id) => heap.recordSuccess(id),
  async drainExceeded(threshold) {
    const entries = await heap.drainExceeded(threshold)
    for (const { id } of entries) await heap.recordSuccess(id)
    return entries
  },
}

let goOn = () => undefined
const going = new Promise((resolve) => { goOn = resolve })

const commands = {
  go: () => goOn(),

  /** Drains, comes to the moment, and dies there; or does all of it. */
  async tick({ moment, methods = 4 }) {
    const drained = methods === 3 ? forgetful : heap
    const processor = new DlqProcessor({
      heap: {
        ...forgetful,
        drainExceeded: (threshold) => drained.drainExceeded(threshold),
        ...(methods === 3 ? {} : {
          async confirmDrained(ids) {
            if (moment === 'before the confirmation') await die()
            await heap.confirmDrained(ids)
            if (moment === 'after the confirmation') await die()
          },
        }),
      },
      async quarantine(entries) {
        say({ drained: entries.length })
        if (moment === 'before the quarantine') await die()
        if (moment === 'in the quarantine') await going
        await waybill.outbox.quarantine(entries.map(({ id, failures, lastError }) => ({ id, failures, error: lastError })))
        if (moment === 'after the quarantine') await die()
        return entries.map(({ id }) => id)
      },
    })
    say(await processor.runOnce())
  },

  /** Every delivery fails, which the heap is told. */
  async relay({ moment }) {
    const relay = waybill.relay({
      retry: { baseMs: 60_000, maxMs: 60_000, jitter: 'none' },
      heap: {
        recordSuccess: (id) => heap.recordSuccess(id),
        async recordFailure(id, error) {
          if (moment === 'before the record') await die()
          await heap.recordFailure(id, error)
          if (moment === 'after the record') await die()
        },
      },
      handlers: { default: () => { throw new Error('no answer') } },
    })
    await relay.start()
    await forever()
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line)
  Promise.resolve(commands[command](options)).catch((error) => say({ error: String(error.stack) }))
}
