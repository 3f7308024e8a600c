/** A process of its own beside the test: enqueues, claims or migrates as it is told, and reports line by line. */
import { createInterface } from 'node:readline'
import { createJiti } from 'jiti'

const jiti = createJiti(import.meta.url)
const { sqliteEngine } = await jiti.import('../../src/drivers/sqlite.ts')
const { openSqlite } = await jiti.import('../../src/stores/sqlite/database.ts')
const { SqliteOutboxStore } = await jiti.import('../../src/stores/sqlite/outbox.ts')

const [path, name] = process.argv.slice(2)
const store = new SqliteOutboxStore(openSqlite({ path, engine: sqliteEngine(), busyTimeoutMs: 20_000 }))
const queue = { lane: 'orders', target: 'mailer' }
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`)

const commands = {
  migrate: () => store.migrate(),
  async enqueue({ count, batch }) {
    const ids = []
    for (let sent = 0; sent < count; sent += batch) {
      const messages = Array.from({ length: batch }, (_, n) => ({
        ...queue, scope: n % 2 === 0 ? 'even' : 'odd', type: 'order.placed', key: null,
        payload: Buffer.from(`${name}:${sent + n}`), contentType: 'text/plain', headers: {}, due: n % 7 === 0 ? { inMs: 0 } : null, maxAttempts: 20,
        dedupe: n % 5 === 0 ? { key: `${name}:${sent + n}`, digest: Buffer.from('a') } : null,
      }))
      ids.push(...(await store.transaction((tx) => store.enqueueMany(tx, messages))).map(({ id }) => id))
    }
    return { ids }
  },
  /** Until `expected` messages are delivered, by whomever. */
  async drain({ expected, scopes }) {
    const ids = []
    let delivered = 0
    while (delivered < expected) {
      const claim = await store.claim({ ...queue, limit: 50, leaseMs: 60_000, consumer: name, scopes })
      if (claim === null) {
        delivered = (await store.stats({})).reduce((sum, each) => sum + each.delivered, 0)
        continue
      }
      const outcomes = claim.messages.map(({ id, attemptCount }) => (attemptCount === 1 && Math.random() < 0.1
        ? { id, kind: 'retry', error: 'again', retryInMs: 1 } : { id, kind: 'ack' }))
      const answers = await store.settle({ token: claim.token, outcomes, scope: undefined })
      ids.push(...outcomes.filter((_, n) => answers[n] === 'delivered').map(({ id }) => id))
      if (answers.includes('lost_claim')) throw new Error('lost a claim whose lease has not expired')
    }
    return { ids }
  },
  async drainUntilEmpty() {
    const ids = []
    for (;;) {
      const claim = await store.claim({ ...queue, limit: 20, leaseMs: 60_000, consumer: name, scopes: undefined })
      if (claim === null) {
        const [{ ready, scheduled }] = await store.stats({})
        if (ready + scheduled === 0) return { ids }
        continue
      }
      const outcomes = claim.messages.map(({ id }) => (Math.random() < 0.3
        ? { id, kind: 'retry', error: 'again', retryInMs: 1 } : { id, kind: 'ack' }))
      const answers = await store.settle({ token: claim.token, outcomes, scope: undefined })
      if (answers.includes('lost_claim')) throw new Error('lost a claim whose lease has not expired')
      ids.push(...outcomes.filter((_, n) => answers[n] === 'delivered').map(({ id }) => id))
    }
  },
  /** Names ids at random, claimed ones too, until as many are delivered or moved. */
  async quarantine({ ids, rounds }) {
    const moved = []
    for (let round = 0; round < rounds; round += 1) {
      const entries = Array.from({ length: 10 }, () => ({ id: ids[Math.floor(Math.random() * ids.length)], failures: 3, error: name }))
      const answers = await store.quarantine({ entries, scope: undefined })
      moved.push(...entries.filter((_, n) => answers[n] === 'dead_lettered').map(({ id }) => id))
    }
    return { ids: moved }
  },
  /** Killed in between, or after it. */
  async quarantineAndDie({ ids }) {
    await store.quarantine({ entries: ids.map((id) => ({ id, failures: 3, error: name })), scope: undefined })
    process.kill(process.pid, 'SIGKILL')
  },
  async claimAndHang({ leaseMs }) {
    const claim = await store.claim({ ...queue, limit: 3, leaseMs, consumer: name, scopes: undefined })
    return { ids: claim.messages.map(({ id }) => id), token: claim.token }
  },
  /** Never commits. */
  enqueueAndHang() {
    return new Promise((resolve) => {
      void store.transaction(async (tx) => {
        const message = {
          ...queue, scope: 'even', type: 't', key: null, payload: Buffer.from('x'),
          contentType: 'text/plain', headers: {}, due: null, maxAttempts: 1, dedupe: null,
        }
        resolve({ ids: (await store.enqueueMany(tx, [message])).map(({ id }) => id) })
        await new Promise(() => setInterval(() => undefined, 60_000))
      })
    })
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const { command, ...options } = JSON.parse(line)
  try {
    say({ done: command, ...await commands[command](options) })
  } catch (error) {
    say({ failed: command, error: String(error.stack), code: error.code })
  }
}
await store.close()
