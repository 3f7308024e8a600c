// pg-transactional-outbox with its polling listener: batches of 100, polled every 20 ms, and without the two
// protections that its documentation turns off for an outbox.
import { randomUUID } from 'node:crypto'
import {
  DatabaseSetup, getDisabledLogger, initializeMessageStorage, initializePollingMessageListener,
} from 'pg-transactional-outbox'
import { payloadOf, TYPE } from '../outbox/order.mjs'

const BATCH = 100
const SETUP = {
  outboxOrInbox: 'outbox', database: 'postgres', schema: 'public', table: 'pto_outbox', listenerRole: 'postgres',
  nextMessagesName: 'pto_next_messages',
}

export class PgTransactionalOutbox {
  #client
  #config
  #store

  static async open(url, client) {
    await client.query(DatabaseSetup.dropAndCreateTable(SETUP))
    await client.query(DatabaseSetup.createPollingFunction(SETUP))
    await client.query(DatabaseSetup.setupPollingIndexes(SETUP))
    return new PgTransactionalOutbox(url, client)
  }

  constructor(url, client) {
    this.#client = client
    this.#config = {
      outboxOrInbox: 'outbox',
      dbListenerConfig: { connectionString: url },
      settings: {
        dbSchema: SETUP.schema, dbTable: SETUP.table, enableMaxAttemptsProtection: false,
        enablePoisonousMessageProtection: false, nextMessagesFunctionName: SETUP.nextMessagesName,
        nextMessagesBatchSize: BATCH, nextMessagesPollingIntervalInMs: 20, nextMessagesLockInMs: 1_000,
      },
    }
    this.#store = initializeMessageStorage(this.#config, getDisabledLogger())
  }

  async enqueue(client, payload) {
    await this.#store({
      id: randomUUID(), aggregateType: 'order', aggregateId: payload.orderId, messageType: TYPE,
      concurrency: 'parallel', payload,
    }, client)
  }

  /** It has no call for many. */
  async enqueueMany(count) {
    await this.#client.query('begin')
    for (let n = 0; n < count; n += 1) await this.enqueue(this.#client, payloadOf(n))
    await this.#client.query('commit')
  }

  /** Answers the seconds until the last of `count` was handled. */
  async drain(count, onPayload) {
    const began = performance.now()
    let end = began
    let handled = 0
    let shutdown = async () => undefined
    await new Promise((resolve) => {
      const handler = {
        handle: async ({ payload }) => {
          onPayload(payload)
          handled += 1
          end = performance.now()
          if (handled >= count) resolve()
        },
      };
      // Its default asks for one message at a time in the first calls, against poisonous messages.
      [shutdown] = initializePollingMessageListener(this.#config, handler, getDisabledLogger(),
        { batchSizeStrategy: async () => BATCH })
    })
    await this.#untilProcessed()
    await shutdown()
    return (end - began) / 1_000
  }

  /** Those that are not processed. */
  async count() {
    const text = `select count(*) as n from ${SETUP.table} where processed_at is null`
    return Number((await this.#client.query(text)).rows[0].n)
  }

  async clear() {
    await this.#client.query(`truncate ${SETUP.table}`)
  }

  async vacuum() {
    await this.#client.query(`vacuum ${SETUP.table}`)
  }

  async close() {}

  /** The last message is marked after its handler. */
  async #untilProcessed() {
    for (let looks = 0; await this.count() > 0; looks += 1) {
      if (looks > 1_000) throw new Error('pg-transactional-outbox did not mark all messages as processed')
    }
  }
}
