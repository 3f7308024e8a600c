/** Feeds on a Redis through the program, what the doctor says of it, and what it is not for. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { permanentError } from '../../src/core/transport.js'
import { redis, type RedisStore } from '../../src/redis.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { runCli, type RunOptions, type RunResult } from './program.js'

interface Order { readonly id: string }

let server: RedisServer
let store: RedisStore
const cli = (...argv: string[]): Promise<RunResult> => runCli([...argv, '--url', server.url])
const json = async <T = object>(...argv: string[]): Promise<T> => JSON.parse((await cli(...argv, '--json')).stdout) as T
const orders = () => store.feed('orders', { capacity: 4, config: 'v1', key: ({ id }: Order) => id })

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(redisMissing() !== undefined)('Redis [skipped without a server]', () => {
  beforeAll(async () => {
    server = await RedisServer.create()
    store = redis({ url: server.url })
    for (const id of ['a', 'b', 'c', 'd', 'e']) await orders().commit([{ op: 'add', after: { id } }])
  })
  afterAll(async () => {
    await store.close()
    await server[Symbol.asyncDispose]()
  })

  test('feeds are listed, read and followed', async () => {
    expect(await json('feed', 'list')).toMatchObject({
      next: null, feeds: [{ name: 'orders', scope: 'default', sequence: '5', first: '2', capacity: 4, rows: 5 }],
    })
    const snapshot = (await cli('feed', 'snapshot', 'orders', '--json')).stdout.trim().split('\n')
    expect([snapshot.length, JSON.parse(snapshot.at(-1) ?? '')]).toEqual([7, { end: true, sequence: '5', rows: 5 }])
    expect(await json('feed', 'tail', 'orders', '--limit', '1')).toMatchObject({ results: [{ sequence: '5', changes: [{ after: { id: 'e' } }] }] })
    const options: RunOptions = {
      onListen: () => void orders().commit([{ op: 'delete', key: 'a' }]),
    }
    const followed = await runCli(['feed', 'tail', 'orders', '--after', '5', '--follow', '--limit', '1', '--json', '--url', server.url], options)
    expect([followed.code, followed.stdout]).toEqual([0, expect.stringContaining('"op":"delete"')])
    expect(await cli('feed', 'tail', 'unknown')).toMatchObject({ code: 1, stderr: expect.stringContaining('no feed unknown') as string })
  })

  test('subscribers are listed, show what they set aside, and are forgotten', async () => {
    await using subscriber = store.subscriber({
      id: 'cache', feeds: [orders()], start: 'earliest', onFailure: 'dead_letter',
      onResult: () => { throw permanentError('never') },
    })
    await subscriber.drain()
    await subscriber.stop()
    expect(await json('feed', 'subscribers')).toMatchObject({ subscribers: [{ id: 'cache', checkpoints: [{ feed: 'orders', behind: '0' }] }] })
    const { deadLetters } = await json<{ deadLetters: object[] }>('feed', 'subscribers', 'cache', '--dead')
    expect(deadLetters[0]).toMatchObject({ feed: 'orders', sequence: '3', attempts: 1, changes: [{ after: { id: 'c' } }] })
    expect((await cli('feed', 'subscribers', '--forget', 'cache', '--yes')).stdout).toBe('forgotten cache\n')
    expect((await cli('feed', 'subscribers')).stdout).toBe('no subscribers\n')
  })

  test('a reset keeps the configuration; another prefix has other feeds; there are no tenants', async () => {
    const before = (await orders().state())!
    expect(await json('feed', 'reset', 'orders', '--yes', '--scope', 'default')).toMatchObject({ reset: true, capacity: 4, configHash: before.configHash })
    expect((await orders().state())!).toMatchObject({ sequence: 0n, capacity: 4, configHash: before.configHash })
    expect((await cli('feed', 'list', '--key-prefix', 'other:')).stdout).toBe('no feeds\n')
    for (const argv of [['tail', 'orders'], ['subscribers'], ['reset', 'orders', '--yes']]) {
      expect(await cli('feed', ...argv, '--scope', 'tenant-7')).toMatchObject({ code: 2, stderr: expect.stringContaining('no tenants') as string })
    }
    expect(await runCli(['feed', 'list', '--url', 'sqlite:x', '--key-prefix', 'other:'])).toMatchObject({ code: 2, stderr: expect.stringContaining('only Redis has a prefix of keys') as string })
    expect(await cli('feed', 'list', '--schema', 'x')).toMatchObject({ code: 2, stderr: expect.stringContaining('only PostgreSQL has schemas') as string })
  })

  test('the doctor says what of its settings would lose feeds', async () => {
    expect(await json('doctor')).toMatchObject({
      healthy: true, findings: [{ name: 'redis-persistence', state: 'ok' }, { name: 'redis-eviction', state: 'ok' }],
    })
    const careless = await RedisServer.create(['--appendonly', 'no', '--maxmemory-policy', 'allkeys-lru'])
    try {
      const { code, stdout } = await runCli(['doctor', '--url', careless.url])
      expect(code).toBe(3)
      expect(stdout).toMatch(/problem +redis-persistence +appendonly is off.*\n.*next: set appendonly yes\n/)
      expect(stdout).toMatch(/problem +redis-eviction +maxmemory-policy is allkeys-lru/)
    } finally {
      await careless[Symbol.asyncDispose]()
    }
    expect(await runCli(['doctor', '--url', careless.url])).toMatchObject({ code: 1, stderr: expect.stringContaining('cannot be reached') as string })
  })

  test('all other commands say that it has feeds alone, without its password', async () => {
    const commands = [
      ['migrate'], ['relay'], ['list'], ['stats'], ['purge', '--dead-older-than', '1d'],
      ['pause', '--lane', 'x'], ['journal', 'streams'], ['journal', 'publishers'],
    ]
    for (const argv of commands) {
      const { code, stderr } = await runCli([...argv, '--url', 'rediss://user:hunter2@localhost:1'])
      expect([argv, code, stderr]).toEqual([argv, 2, expect.stringMatching(/Redis holds feeds alone.*\n.*waybill feed/)])
      expect(stderr).not.toContain('hunter2')
    }
  })
})
