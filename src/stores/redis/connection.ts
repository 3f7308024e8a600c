/**
 * What the Redis stores ask a server through: scripts, sent by their digest, and as a whole to a server that does not
 * know them, as after a restart. A script runs without anything in between, so each is one step to everybody else; and
 * it is one unit of the append-only file, so a crash leaves all of it or nothing.
 *
 * A server does not undo what a script did before it failed. So each looks at everything first, and then writes what
 * cannot fail. Its first write is one that takes memory: a server that has none left refuses that, and takes whatever
 * follows a write that it took.
 */
import { createHash } from 'node:crypto'
import { WaybillError } from '../../core/errors.js'
import type { RedisArgument, RedisCommands, RedisReply } from '../../core/redis-commands.js'
import { replyCode, toWaybillError } from './errors.js'

export interface RedisScript {
  readonly text: string
  readonly digest: string
}

export function redisScript(text: string): RedisScript {
  return { text, digest: createHash('sha1').update(text).digest('hex') }
}

export class RedisConnection {
  readonly #commands: RedisCommands
  #closed = false

  constructor(commands: RedisCommands) {
    this.#commands = commands
  }

  /** @throws CLOSED, STORE_UNAVAILABLE, STORE_FAILED. */
  async command(key: string, ...args: readonly RedisArgument[]): Promise<RedisReply> {
    this.assertOpen()
    try {
      return await this.#commands.send(key, args)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  /** One after another, each as `command`, with others' in between. All keys must be of one hash tag. */
  async commands(key: string, ...list: readonly (readonly RedisArgument[])[]): Promise<readonly RedisReply[]> {
    this.assertOpen()
    try {
      return await this.#commands.sendInOrder(key, list)
    } catch (error) {
      throw toWaybillError(error)
    }
  }

  /** All keys must be of one hash tag. @throws as `command`. */
  async run(
    { text, digest }: RedisScript, keys: readonly string[], args: readonly RedisArgument[],
  ): Promise<RedisReply> {
    this.assertOpen()
    const [key = ''] = keys
    const rest = [`${keys.length}`, ...keys, ...args]
    try {
      return await this.#commands.send(key, ['EVALSHA', digest, ...rest])
    } catch (error) {
      if (replyCode(error) !== 'NOSCRIPT') throw toWaybillError(error)
    }
    return this.command(key, 'EVAL', text, ...rest)
  }

  /** The client is closed by whoever opened it. */
  close(): void {
    this.#closed = true
  }

  assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}
