/**
 * The names of all feeds, or of all subscribers: a key of its own, which on a cluster may be on another node than what
 * it names. So no script covers both, and the list may have a name too many, which whoever lists passes over; but never
 * one too few, as long as no process dies in between:
 *
 *     who makes one       adds the name · makes it · adds the name again
 *     who removes one     removes it · takes the name away · looks whether it is there, and if so adds the name
 *
 * The last to act on the name is then one who saw what is there. Of a process that dies between the two, the name is
 * added when the next one opens it.
 */
import type { RedisReply } from '../../core/redis-commands.js'
import type { RedisConnection } from './connection.js'
import { listOf, textOf } from './replies.js'

export class RedisRegistry {
  readonly #connection: RedisConnection
  readonly #key: string

  constructor(connection: RedisConnection, key: string) {
    this.#connection = connection
    this.#key = key
  }

  async add(name: string): Promise<void> {
    await this.#connection.command(this.#key, 'ZADD', this.#key, '0', name)
  }

  async remove(name: string, isThere: () => Promise<boolean>): Promise<void> {
    await this.#connection.command(this.#key, 'ZREM', this.#key, name)
    if (await isThere()) await this.add(name)
  }

  /** What there is behind a name, in the order of the names' UTF-8 bytes. */
  async list<T>(after: string, limit: number, read: (name: string) => Promise<T | undefined>): Promise<readonly T[]> {
    const found: T[] = []
    for (let last = after; ;) {
      const names = await this.#names(last, limit)
      const values = await Promise.all(names.map(read))
      for (const value of values) if (value !== undefined && found.length < limit) found.push(value)
      last = names.at(-1) ?? last
      if (names.length < limit || found.length >= limit) return found
    }
  }

  async #names(after: string, limit: number): Promise<readonly string[]> {
    const reply: RedisReply = await this.#connection.command(this.#key,
      'ZRANGEBYLEX', this.#key, after === '' ? '-' : `(${after}`, '+', 'LIMIT', '0', `${limit}`)
    return listOf(reply).map(textOf)
  }
}
