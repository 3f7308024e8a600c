// graphile-worker as its documentation tunes it: a local queue, batched completions, 24 jobs at a time on 25
// connections, jobs added in thousands.
import { EventEmitter } from 'node:events'
import { Logger, makeWorkerUtils, runOnce } from 'graphile-worker'
import { draftOf, TYPE } from '../outbox/order.mjs'

const ADD_AT_ONCE = 5_000
const logger = new Logger(() => () => undefined)
const ADD_ONE = 'select id from graphile_worker.add_job($1, payload := $2::json)'

export class GraphileWorker {
  #url
  #client
  #utils

  static async open(url, client) {
    const utils = await makeWorkerUtils({ connectionString: url, logger })
    await utils.migrate()
    return new GraphileWorker(url, client, utils)
  }

  constructor(url, client, utils) {
    this.#url = url
    this.#client = client
    this.#utils = utils
  }

  /** The SQL function that it offers to callers inside a transaction. */
  async enqueue(client, payload) {
    await client.query({ name: 'graphile_add', text: ADD_ONE, values: [TYPE, JSON.stringify(payload)] })
  }

  async enqueueMany(count) {
    for (let done = 0; done < count; done += ADD_AT_ONCE) {
      const size = Math.min(ADD_AT_ONCE, count - done)
      await this.#utils.addJobs(Array.from({ length: size }, (_, n) => (
        { identifier: TYPE, payload: draftOf(done + n).payload })))
    }
  }

  /**
   * Until nothing is left. Answers the seconds from the first request for a job to the last job handled, which counts
   * neither the opening nor the closing of its connections, nor the completion of its last jobs.
   */
  async drain(localQueueSize, onPayload) {
    let began
    let ended
    const events = new EventEmitter()
    events.once('worker:getJob:start', () => { began = performance.now() })
    const worker = {
      connectionString: this.#url, concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: localQueueSize },
      completeJobBatchDelay: 0, failJobBatchDelay: 0, logger, events,
    }
    await runOnce({
      preset: { worker },
      taskList: {
        [TYPE]: async (payload) => {
          onPayload(payload)
          ended = performance.now()
        },
      },
    })
    return (ended - began) / 1_000
  }

  async count() {
    return Number((await this.#client.query('select count(*) as n from graphile_worker._private_jobs')).rows[0].n)
  }

  async clear() {
    await this.#client.query('truncate graphile_worker._private_jobs')
  }

  async vacuum() {
    await this.#client.query('vacuum graphile_worker._private_jobs')
  }

  async close() {
    await this.#utils.release()
  }
}
