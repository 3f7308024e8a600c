/** The two halves of a feed on their own: a log and rows under numbers that the caller gives. */
import { asBuffer } from '../../core/bytes.js'
import type { RedisArgument, RedisReply } from '../../core/redis-commands.js'
import type { LiveResults, LiveRow, LogEntry, ResultLog, RowMutation } from '../../feeds/contract.js'
import type { RedisConnection } from './connection.js'
import { APPEND, LATEST, MUTATE, TRIM } from './feed-scripts.js'
import type { RedisKeys } from './keys.js'
import { bytesOf, DIGITS, listOf, padded, textOf } from './replies.js'

export class RedisResultLog implements ResultLog<undefined> {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async append(_: undefined, feed: string, sequence: bigint, data: Uint8Array): Promise<void> {
    await this.#connection.run(APPEND, [this.#log(feed)], [padded(sequence), padded(sequence + 1n), data])
  }

  async readFrom(feed: string, after: bigint, limit: number): Promise<readonly LogEntry[]> {
    const log = this.#log(feed)
    const members = await this.#connection.command(log,
      'ZRANGEBYLEX', log, `[${padded(after + 1n)}`, '+', 'LIMIT', '0', `${limit}`)
    return toEntries(listOf(members))
  }

  async readLatestSequence(feed: string): Promise<bigint | undefined> {
    const last = await this.#connection.run(LATEST, [this.#log(feed)], [])
    return last === null ? undefined : BigInt(textOf(last))
  }

  async clear(_: undefined, feed: string): Promise<void> {
    await this.#connection.command(this.#log(feed), 'UNLINK', this.#log(feed))
  }

  async trimToCapacity(_: undefined, feed: string, capacity: number): Promise<number> {
    return Number(await this.#connection.run(TRIM, [this.#log(feed)], [`${capacity}`]))
  }

  #log(feed: string): string {
    return this.#keys.feed(feed).log
  }
}

export class RedisLiveResults implements LiveResults<undefined> {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys

  constructor(connection: RedisConnection, keys: RedisKeys) {
    this.#connection = connection
    this.#keys = keys
  }

  async applyMutations(_: undefined, feed: string, mutations: readonly RowMutation[]): Promise<void> {
    const { put, gone } = mutationArguments(mutations)
    const counts = [`${put.length / 2}`, `${gone.length}`]
    await this.#connection.run(MUTATE, [this.#rows(feed)], [...counts, ...put, ...gone])
  }

  /**
   * A scan of the hash. It gives what is there all the while at least once, while others write; a row may come twice.
   * The server gives as many as lie together, so a page of its own is divided.
   */
  async* readSnapshot(feed: string, pageSize: number): AsyncGenerator<readonly LiveRow[]> {
    const rows = this.#rows(feed)
    let cursor = '0'
    do {
      const [next, found] = listOf(await this.#connection.command(rows, 'HSCAN', rows, cursor, 'COUNT', `${pageSize}`))
      const page = toRows(listOf(found))
      for (let at = 0; at < page.length; at += pageSize) {
        this.#connection.assertOpen()
        yield page.slice(at, at + pageSize)
      }
      cursor = textOf(next)
    } while (cursor !== '0')
  }

  async clear(_: undefined, feed: string): Promise<void> {
    await this.#connection.command(this.#rows(feed), 'UNLINK', this.#rows(feed))
  }

  async rowCount(feed: string): Promise<number> {
    return Number(await this.#connection.command(this.#rows(feed), 'HLEN', this.#rows(feed)))
  }

  #rows(feed: string): string {
    return this.#keys.feed(feed).rows
  }
}

/** In ascending order, each number once. As many numbers as there are from the first to the last are all of them. */
export function toEntries(members: readonly RedisReply[]): readonly LogEntry[] {
  const all = members.map((member) => asBuffer(bytesOf(member)))
  const first = numberOf(all[0])
  const isRow = numberOf(all.at(-1)) - first === BigInt(all.length - 1)
  return all.map((bytes, n) => ({
    sequence: isRow ? first + BigInt(n) : numberOf(bytes), data: bytes.subarray(DIGITS),
  }))
}

function numberOf(member: Buffer | undefined): bigint {
  return BigInt(member?.toString('latin1', 0, DIGITS) ?? 0)
}

/** The last mutation of each signature: signatures and contents to put, signatures to delete. */
export function mutationArguments(mutations: readonly RowMutation[]): {
  readonly put: readonly RedisArgument[]
  readonly gone: readonly RedisArgument[]
} {
  const last = [...new Map(mutations.map(({ signature, data }) => [signature, data]))]
  return {
    put: last.flatMap(([signature, data]) => (data === undefined ? [] : [signature.toString(), data])),
    gone: last.flatMap(([signature, data]) => (data === undefined ? [signature.toString()] : [])),
  }
}

function toRows(fields: readonly RedisReply[]): LiveRow[] {
  const rows: LiveRow[] = []
  for (let at = 0; at < fields.length; at += 2) {
    rows.push({ signature: BigInt(textOf(fields[at])), data: bytesOf(fields[at + 1]) })
  }
  return rows
}
