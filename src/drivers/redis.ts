/**
 * `redis` (node-redis) 5 and later: a client, or a cluster client, as the caller has opened it; or a URL, for which a
 * client of our own is opened. Typed by shape, so that the library needs no client to be installed.
 */
import { createRequire } from 'node:module'
import { asBuffer } from '../core/bytes.js'
import { WaybillError } from '../core/errors.js'
import type { RedisArgument, RedisCommands, RedisReply } from '../core/redis-commands.js'

interface SendOptions {
  readonly typeMapping: Readonly<Record<number, unknown>>
}

type Arguments = readonly (string | Buffer)[]

export interface RedisClient {
  sendCommand(args: Arguments, options: SendOptions): Promise<unknown>
}

/** What `createCluster` makes: it needs a key to find the node by. */
export interface RedisClusterClient {
  sendCommand(firstKey: string, isReadonly: boolean, args: Arguments, options: SendOptions): Promise<unknown>
  readonly slots: unknown
}

/** A blob of the protocol, by its first byte: as the bytes it has, not as text. */
const AS_BYTES: SendOptions = { typeMapping: { [0x24]: Buffer } }

export function redisCommands(client: RedisClient | RedisClusterClient): RedisCommands {
  const send = async (key: string, args: readonly RedisArgument[]): Promise<RedisReply> => {
    const own = args.map(toOwn)
    // Never from a replica: it may be behind.
    return await ('slots' in client ? client.sendCommand(key, false, own, AS_BYTES)
      : client.sendCommand(own, AS_BYTES)) as RedisReply
  }
  return {
    send,
    async sendInOrder(key, commands) {
      if (!('slots' in client)) return Promise.all(commands.map(async (args) => send(key, args)))
      // A command that was sent to the wrong node is sent again, and would then come behind the next.
      const replies: RedisReply[] = []
      for (const args of commands) replies.push(await send(key, args))
      return replies
    },
    async close() {
      // It stays the caller's.
    },
  }
}

interface OwnClient extends RedisClient {
  connect(): Promise<unknown>
  destroy(): void
  on(event: 'error' | 'ready', listener: () => void): unknown
  readonly isOpen: boolean
}

/**
 * Connects at the first command. While the server is away, commands fail instead of waiting for it.
 * @throws DRIVER_MISSING naming the command that installs the client.
 */
export function redisCommandsAt(url: string): RedisCommands {
  const client = openClient(url)
  // Unheard, the event would end the process; the commands say the same.
  client.on('error', () => undefined)
  const { send, sendInOrder } = redisCommands(client)
  let connecting: Promise<unknown> | undefined
  const connected = async (): Promise<void> => {
    connecting ??= client.connect()
    try {
      await connecting
    } catch (error) {
      connecting = undefined
      throw error
    }
  }
  return {
    async send(key, args) {
      await connected()
      return send(key, args)
    },
    async sendInOrder(key, commands) {
      await connected()
      return sendInOrder(key, commands)
    },
    async close() {
      if (client.isOpen) client.destroy()
    },
  }
}

interface RedisModule {
  createClient(options: Readonly<Record<string, unknown>>): OwnClient
}

function openClient(url: string): OwnClient {
  let redis: RedisModule
  try {
    redis = createRequire(import.meta.url)('redis') as RedisModule
  } catch (cause) {
    throw new WaybillError('DRIVER_MISSING', 'redis({ url }) needs the redis package: npm install redis', { cause })
  }
  // The first connection is tried once; one that is lost later is made again without end, a second apart at most.
  let wasConnected = false
  const client = redis.createClient({
    url, disableOfflineQueue: true, name: 'waybill', pingInterval: 10_000,
    socket: {
      connectTimeout: 10_000, keepAlive: true,
      reconnectStrategy: (retries: number, cause: Error) => (
        wasConnected ? Math.min(2 ** retries * 10, 1_000) : cause),
    },
  })
  client.on('ready', () => { wasConnected = true })
  return client
}

function toOwn(argument: RedisArgument): string | Buffer {
  return typeof argument === 'string' ? argument : asBuffer(argument)
}
