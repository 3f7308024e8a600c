/** The run's private PostgreSQL, also reached through a proxy that loses replies. */
import pg from 'pg'
import type { LaneDeclarations } from 'waybill'
import { PostgresServer } from '../../test/support/postgres-server.js'
import { FrontendMessages } from '../faults/frontend-messages.js'
import { ReplyProxy } from '../faults/reply-proxy.js'
import { choose } from '../faults/schedule.js'
import { openPlace, type Place } from './place.js'
import { prepareStage, type BreakableServer, type Query, type SqlStage } from './stage.js'

const SESSIONS = 'select pid from pg_stat_activity where application_name = $1 order by pid'
const TERMINATE = 'select pg_terminate_backend($1)'

interface Handle {
  query(config: { text: string }): Promise<{ rows: Awaited<ReturnType<Query>> }>
}

export async function openPostgresStage(lanes: LaneDeclarations): Promise<SqlStage> {
  const server = await PostgresServer.create()
  const proxy = await ReplyProxy.listen(server.port, () => new FrontendMessages())
  const direct: Place = { kind: 'postgres', url: server.url }
  const own = openPlace(direct, 'chaos-run')
  const query: Query = (text) => own.transaction(async (handle) => (await (handle as Handle).query({ text })).rows)
  await prepareStage(own, query, lanes)
  const [row] = await query('show server_version')
  return {
    store: 'postgres',
    version: String(row?.['server_version']),
    unreliable: { kind: 'postgres', url: server.url.replace(`:${server.port}/`, `:${proxy.port}/`) },
    direct, own, query,
    prefix: 'waybill.',
    server: breakable(server, proxy),
    async close() {
      await own.close()
      await proxy.close()
      await server[Symbol.asyncDispose]()
    },
  }
}

function breakable(server: PostgresServer, proxy: ReplyProxy): BreakableServer {
  const sessionsOf = (client: pg.Client, application: string): Promise<number[]> =>
    client.query<{ pid: number }>(SESSIONS, [application]).then(({ rows }) => rows.map(({ pid }) => pid))
  return {
    loseReply: (onLost) => proxy.loseReply(onLost),
    async restart() {
      await server.stopImmediate()
      await server.start()
    },
    terminate: (application, share) => withClient(server, async (client) => {
      const pid = choose(await sessionsOf(client, application), share)
      if (pid !== undefined) await client.query(TERMINATE, [pid])
      return pid !== undefined
    }),
    sessions: (application) =>
      withClient(server, async (client) => (await sessionsOf(client, application)).length),
  }
}

async function withClient<T>(server: PostgresServer, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(server.url)
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
