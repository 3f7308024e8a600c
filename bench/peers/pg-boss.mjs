// pg-boss in the ways its documentation offers for throughput: `work` with large batches that fetches on while
// batches come back full, and `fetch` in a loop, followed by `deleteJob`, which retains nothing, or `complete`,
// which retains the job as its queue says.
import { PgBoss } from 'pg-boss'
import { draftOf } from '../outbox/order.mjs'

const QUEUE = 'orders'
const INSERT_AT_ONCE = 5_000
const UNFINISHED = `select count(*) as n from pgboss.job where state <> 'completed'`

export class PgBossQueue {
  #client
  #boss

  static async open(url, client) {
    const boss = new PgBoss({ connectionString: url, schema: 'pgboss', max: 10, supervise: false, schedule: false })
    boss.on('error', () => undefined)
    await boss.start()
    await boss.createQueue(QUEUE)
    return new PgBossQueue(client, boss)
  }

  constructor(client, boss) {
    this.#client = client
    this.#boss = boss
  }

  async enqueue(client, payload) {
    await this.#boss.send(QUEUE, payload, { db: { executeSql: (text, values) => client.query(text, values) } })
  }

  async enqueueMany(count) {
    for (let done = 0; done < count; done += INSERT_AT_ONCE) {
      const size = Math.min(INSERT_AT_ONCE, count - done)
      await this.#boss.insert(QUEUE, Array.from({ length: size }, (_, n) => ({ data: draftOf(done + n).payload })))
    }
  }

  /** `settle` is `deleteJob` or `complete`. */
  async drainByFetch(settle, batchSize, loops, onPayload) {
    await Promise.all(Array.from({ length: loops }, async () => {
      for (;;) {
        const jobs = await this.#boss.fetch(QUEUE, { batchSize })
        if (jobs.length === 0) return
        for (const { data } of jobs) onPayload(data)
        await this.#boss[settle](QUEUE, jobs.map(({ id }) => id))
      }
    }))
  }

  /** Answers the seconds until the last of `count` was handled. */
  async drainByWork(count, onPayload) {
    const began = performance.now()
    let handled = 0
    let end = began
    await new Promise((resolve, reject) => {
      const options = { batchSize: 1_000, localConcurrency: 2, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5 }
      this.#boss.work(QUEUE, options, async (jobs) => {
        for (const { data } of jobs) onPayload(data)
        handled += jobs.length
        end = performance.now()
        if (handled >= count) resolve()
      }).catch(reject)
    })
    await this.#boss.offWork(QUEUE, { wait: true })
    return (end - began) / 1_000
  }

  /** Those that are not completed. */
  async count() {
    const { rows: [{ n }] } = await this.#client.query(UNFINISHED)
    return Number(n)
  }

  async clear() {
    await this.#client.query('truncate pgboss.job')
  }

  async vacuum() {
    await this.#client.query('vacuum pgboss.job')
  }

  async close() {
    await this.#boss.stop({ graceful: false })
  }
}
