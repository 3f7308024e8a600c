/** The run's private Redis, also reached through a proxy that loses replies. */
import { createClient } from 'redis'
import { RedisServer } from '../../test/support/redis-server.js'
import { ScriptReader } from '../faults/redis-commands.js'
import { ReplyProxy } from '../faults/reply-proxy.js'
import { choose } from '../faults/schedule.js'
import { appendedCommands } from './append-only-file.js'
import { openPlace, type Place } from './place.js'
import type { BreakableServer, RedisStage } from './stage.js'

/** Users without a password: by them the server's list of sessions tells the processes of a run apart. */
const APPLICATIONS = ['chaos-run', 'chaos-producer', 'chaos-subscriber'] as const
const SETTINGS = [
  // All that was ever done stays in the file.
  '--auto-aof-rewrite-percentage', '0',
  ...APPLICATIONS.flatMap((name) => ['--user', name, 'on', 'nopass', '~*', '&*', '+@all']),
]

export async function openRedisStage(): Promise<RedisStage> {
  const server = await RedisServer.create(SETTINGS)
  const proxy = await ReplyProxy.listen(server.port, () => new ScriptReader())
  const direct: Place = { kind: 'redis', port: server.port }
  const own = openPlace(direct, 'chaos-run')
  return {
    store: 'redis',
    version: await withClient(server, async (client) => (
      /redis_version:(\S+)/.exec(await client.info('server'))?.[1] ?? 'unknown')),
    unreliable: { kind: 'redis', port: proxy.port },
    direct, own,
    valuesOf: (key) => withClient(server, (client) => client.hVals(key)),
    appended: () => appendedCommands(server.appendOnlyFile),
    server: breakable(server, proxy),
    async close() {
      await own.close()
      await proxy.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

const clientOf = ({ url }: RedisServer) => createClient({ url })
type Client = ReturnType<typeof clientOf>

function breakable(server: RedisServer, proxy: ReplyProxy): BreakableServer {
  const sessionsOf = async (client: Client, application: string): Promise<string[]> => {
    const list = await client.sendCommand<string>(['CLIENT', 'LIST'])
    return list.split('\n').filter((line) => ` ${line} `.includes(` user=${application} `))
      .map((line) => /\bid=(\d+)/.exec(line)?.[1] ?? '')
  }
  return {
    loseReply: (onLost) => proxy.loseReply(onLost),
    async restart() {
      await server.kill()
      await server.start()
    },
    terminate: (application, share) => withClient(server, async (client) => {
      const id = choose(await sessionsOf(client, application), share)
      if (id !== undefined) await client.sendCommand(['CLIENT', 'KILL', 'ID', id])
      return id !== undefined
    }),
    sessions: (application) =>
      withClient(server, async (client) => (await sessionsOf(client, application)).length),
  }
}

async function withClient<T>(server: RedisServer, work: (client: Client) => Promise<T>): Promise<T> {
  const client = clientOf(server)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    client.destroy()
  }
}
