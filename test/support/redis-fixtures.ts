/** A server, a store on it and a client beside the store's, each until the test is over. */
import { createClient, createCluster } from 'redis'
import { expect, onTestFinished } from 'vitest'
import { redis } from '../../src/redis.js'
import { RedisServer } from './redis-server.js'

export async function started(settings: readonly string[] = []): Promise<RedisServer> {
  const server = await RedisServer.create(settings)
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

export function opened(url: string): ReturnType<typeof redis> {
  const store = redis({ url })
  onTestFinished(() => store.close())
  return store
}

export async function connected(url: string) {
  const client = createClient({ url }).on('error', () => undefined)
  onTestFinished(() => client.destroy())
  return client.connect()
}

/** A client of a server in cluster mode that has all slots. */
export async function clustered() {
  const server = await started(['--cluster-enabled', 'yes'])
  const node = await connected(server.url)
  await node.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'])
  await expect.poll(async () => String(await node.sendCommand(['CLUSTER', 'INFO'])), { timeout: 20_000 })
    .toContain('cluster_state:ok')
  const client = createCluster({ rootNodes: [{ url: server.url }] }).on('error', () => undefined)
  await client.connect()
  onTestFinished(() => client.destroy())
  return client
}
