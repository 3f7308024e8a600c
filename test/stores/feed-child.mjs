/** A process of its own beside the test: commits to a feed, or follows it, and dies where it is told. */
import { appendFileSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const [built, kind, place, schema, name] = process.argv.slice(2)
const imported = (module) => import(pathToFileURL(`${built}/dist/${module}.js`).href)
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`)
const forever = () => new Promise(() => setInterval(() => undefined, 60_000))
const die = () => {
  process.kill(process.pid, 'SIGKILL')
  return forever()
}

const { feed, subscriber, checkpoints, transaction } = await opened()

async function opened() {
  const options = { capacity: 100_000 }
  if (kind === 'redis') {
    const { redis } = await imported('redis')
    const store = redis({ url: place, prefix: schema })
    return { feed: store.feed('orders', options), subscriber: store.subscriber, checkpoints: store.checkpoints }
  }
  const { createWaybill } = await imported('index')
  const { postgres } = await imported('postgres')
  const { sqlite } = await imported('sqlite')
  const store = kind === 'sqlite' ? sqlite({ path: place, busyTimeoutMs: 20_000 }) : postgres({ url: place, schema })
  const waybill = createWaybill({ store })
  const own = waybill.feed('orders', options)
  /** The result, and a message of its own. */
  const transaction = (changes, value, before = async () => undefined) => waybill.transaction(async (tx) => {
    const result = await own.commit(tx, changes)
    const sequence = String(result.sequence)
    await waybill.outbox.enqueue(tx, { type: 'committed', payload: { sequence, ...value } })
    await before()
    return result
  })
  return { feed: own, subscriber: (settings) => waybill.subscriber(settings), checkpoints: store.checkpoints, transaction }
}

async function commit(n, before) {
  const value = { name, n }
  const key = (n * 7 + name.charCodeAt(0)) % 12
  const changes = [n % 5 === 4 ? { op: 'delete', key, before: value } : { op: 'update', key, before: value, after: value }]
  const { sequence } = await (transaction === undefined ? feed.commit(changes) : transaction(changes, value, before))
  say({ sequence: String(sequence), n })
}

const commands = {
  async commit({ count }) {
    for (let n = 0; n < count; n += 1) await commit(n)
  },
  /** Several at a time, without an end. */
  async flood({ width }) {
    let n = 0
    await Promise.all(Array.from({ length: width }, async () => {
      for (;;) await commit(n++)
    }))
  },
  /** Never commits what it says that it holds. */
  hold: ({ n }) => commit(n, async () => {
    say({ isHeld: true })
    await forever()
  }),
  /** Its effects are lines of a file. */
  async follow({ id, log, when, at }) {
    const dying = new Proxy(checkpoints, {
      get(target, key) {
        const value = Reflect.get(target, key)
        if (key !== 'save') return typeof value === 'function' ? value.bind(target) : value
        return async (request) => {
          const isThere = request.checkpoints.some(({ sequence }) => sequence >= BigInt(at))
          if (when === 'before the save' && isThere) return die()
          const answer = await target.save(request)
          if (when === 'after the save' && isThere) return die()
          return answer
        }
      },
    })
    await subscriber({
      id, feeds: [feed], start: 'earliest', leaseMs: 500, saveEveryMs: 0, pollMaxMs: 10, checkpoints: dying,
      async onResult({ sequence }) {
        if (when === 'before the effect' && sequence === BigInt(at)) return die()
        appendFileSync(log, `${sequence}\n`)
        if (when === 'after the effect' && sequence === BigInt(at)) return die()
      },
    }).start()
    await forever()
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line)
  try {
    await commands[command](options)
    say({ isDone: true })
  } catch (error) {
    say({ error: String(error.stack) })
  }
}
