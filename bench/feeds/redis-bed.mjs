// Feeds on a Redis server of the benchmark's own, with an append-only file; by hand: Waybill's own script and range
// read, sent by the same client.
import { createJiti } from 'jiti'
import { redis } from '../../dist/redis.js'
import { COMMIT } from '../../dist/stores/redis/feed-scripts.js'
import { signatureOf } from './orders.mjs'

const DIGITS = 20
const CONFIG = 'by hand'
const FILL_AT_ONCE = 10_000

const padded = (number) => String(number).padStart(DIGITS, '0')

export class RedisBed {
  name = 'redis'
  #server
  #client
  #bytes
  #store
  #feeds = 0

  /** Undefined where no server can be had, after saying so. */
  static async open() {
    const { RedisServer, redisMissing } = await createJiti(import.meta.url).import('../../test/support/redis-server.ts')
    if (redisMissing() !== undefined) return undefined
    const { createClient, RESP_TYPES } = await import('redis')
    const bed = new RedisBed()
    // As a server that has to be fast is set.
    bed.#server = await RedisServer.create(['--appendfsync', 'everysec'])
    bed.#client = await createClient({ url: bed.#server.url }).connect()
    bed.#bytes = bed.#client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    bed.#store = redis({ client: bed.#client })
    return bed
  }

  async feed(capacity) {
    const feed = this.#store.feed(this.#newName(), { capacity })
    await feed.reset()
    return feed
  }

  async feedByHand(capacity) {
    const name = this.#newName()
    const keys = this.#keys(name)
    await this.#client.hSet(keys[0], {
      incarnation: 'by hand', config: CONFIG, capacity, sequence: padded(0), first: padded(1),
    })
    await this.#client.scriptLoad(COMMIT.text)
    return { keys, capacity }
  }

  async commit(feed, results) {
    await feed.commitMany(results)
  }

  async commitByHand({ keys, capacity }, results) {
    const rows = new Map(results.map(({ n, row }) => [signatureOf(n), row]))
    const counts = [capacity, results.length, results.length, rows.size, 0]
    await this.#client.sendCommand([
      'EVALSHA', COMMIT.digest, '3', ...keys, CONFIG, ...counts.map(String), ...results.map(({ result }) => result),
      ...[...rows].flatMap(([signature, row]) => [String(signature), row]),
    ])
  }

  /** As if so many results had been committed. */
  async fillLog({ name }, count, content) {
    const [state, log] = this.#keys(name)
    for (let first = 1; first <= count; first += FILL_AT_ONCE) {
      const members = Array.from({ length: Math.min(FILL_AT_ONCE, count + 1 - first) }, (_, n) => (
        ['0', Buffer.concat([Buffer.from(padded(first + n)), content])]))
      await this.#client.sendCommand(['ZADD', log, ...members.flat()])
    }
    await this.#client.hSet(state, { sequence: padded(count), first: padded(1) })
  }

  async fillRows(feed, rows) {
    await feed.bootstrap(rows)
  }

  async* readByHand({ name }, limit) {
    const [, log] = this.#keys(name)
    for (let from = 1; ;) {
      const members = await this.#bytes.sendCommand(['ZRANGEBYLEX', log, `[${padded(from)}`, '+', 'LIMIT', '0', `${limit}`])
      for (const member of members) yield member.subarray(DIGITS)
      if (members.length < limit) return
      from += limit
    }
  }

  async close() {
    await this.#store.close()
    this.#client.destroy()
    await this.#server[Symbol.asyncDispose]()
  }

  #keys(name) {
    return ['state', 'log', 'rows'].map((part) => `waybill:feed:{${name}}:${part}`)
  }

  #newName() {
    this.#feeds += 1
    return `feed-${this.#feeds}`
  }
}
