/** What became of commits that nobody answered, or somebody did, by what a Redis server has appended to its file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readAppended, type AppendedResult } from '../../chaos/feeds/appended-feeds.js'
import { decide, type Decision } from '../../chaos/feeds/deciding.js'
import { changeDraft } from '../../chaos/feeds/drafts.js'
import type { MeantResult, ProducerEvent } from '../../chaos/feeds/history/events.js'
import { appendedCommands } from '../../chaos/stage/append-only-file.js'
import { redis } from '../../src/redis.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'

const result = (name: string): MeantResult => ({ result: name, digest: name, changes: [['k', name]] })
const meant = (...names: readonly string[]): ProducerEvent => (
  { kind: 'meant', at: 10, tx: 't', feed: 'f', results: names.map(result) })
const placed = (at: number, ...names: readonly string[]) => ({
  at, tx: 't', feed: 'f', incarnation: 'i', results: names.map((name, index) => ({ ...result(name), sequence: 3 + index })),
})
const there = (name: string, sequence: number, incarnation = 'i'): AppendedResult => (
  { feed: 'f', incarnation, sequence, result: name })
const decided = (events: readonly ProducerEvent[], ...results: readonly AppendedResult[]): Decision => (
  decide(events, { incarnations: new Set(['i']), results }))

test('what was answered took effect when it is there, once, as it was answered', () => {
  const answered: ProducerEvent[] = [meant('a'), { kind: 'answered', ...placed(11, 'a') }]
  const written = [{ kind: 'wrote', ...placed(11, 'a') }]
  expect(decided(answered, there('a', 3))).toEqual({ orders: ['t'], written })
  expect(decided(answered)).toEqual({ orders: [], written })
  expect(decided(answered, there('a', 4)).orders).toEqual([])
  expect(decided(answered, there('a', 3, 'other')).orders).toEqual([])
  expect(decided(answered, there('a', 3), there('a', 4)).orders).toEqual([])
})

test('what was not answered is where it is found, or nowhere', () => {
  expect(decided([meant('a', 'b')])).toEqual({ orders: [], written: [] })
  expect(decided([meant('a', 'b')], there('a', 3), there('b', 4)))
    .toEqual({ orders: ['t'], written: [{ kind: 'wrote', ...placed(10, 'a', 'b') }] })
  expect(decided([meant('a')], there('a', 3), there('a', 4)).orders).toEqual([])
})

test('a feed was made when its incarnation is there, and nothing is written to it before', () => {
  const began = (incarnation: string): ProducerEvent => (
    { kind: 'began', at: 20, tx: `made ${incarnation}`, feed: 'f', incarnation, rows: [] })
  const made = [began('i'), began('never')]
  const { orders, written: [found] } = decided([meant('a'), ...made], there('a', 1))
  expect(orders).toEqual(['made i', 't'])
  expect(found?.at).toBeGreaterThan(20)
  const { written: [answer] } = decided([meant('a'), { kind: 'answered', ...placed(11, 'a') }, ...made], there('a', 3))
  expect(answer?.at).toBeGreaterThan(20)
})

test('what a server had not finished to write is nothing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-appended-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const line = (...parts: readonly string[]): string => (
    `*${parts.length}\r\n${parts.map((part) => `$${part.length}\r\n${part}\r\n`).join('')}`)
  const path = join(folder, 'file')
  const whole = [line('SELECT', '0'), line('MULTI'), line('HSET', 'a', 'b', 'c'), line('EXEC')]
  writeFileSync(path, [...whole, line('MULTI'), line('HSET', 'd', 'e', 'f'), line('ZADD', 'g', '0', 'h').slice(0, -3)].join(''))
  expect([...appendedCommands(path)]).toEqual([['SELECT', '0'], ['HSET', 'a', 'b', 'c']])
})

// reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
describe.skipIf(redisMissing() !== undefined)('Redis [skipped without a server]', () => {
  test('every commit is in the file of a server that was killed, also what has left the log, and what was removed', async () => {
    const server = await RedisServer.create(['--auto-aof-rewrite-percentage', '0'])
    onTestFinished(() => server[Symbol.asyncDispose]())
    const store = redis({ url: server.url })
    onTestFinished(() => store.close())
    const feed = store.feed('f', { capacity: 1 })
    const incarnations: (string | undefined)[] = []
    for (const renew of [() => feed.reset(), () => feed.delete()]) {
      await feed.commit([{ op: 'noop' }, changeDraft('one', ['k', 'v'])])
      incarnations.push((await feed.state())?.incarnation)
      await feed.commitMany([[changeDraft('two', ['k', null])], [changeDraft('three', ['k', 'v'])]])
      await renew()
    }
    await server.kill()
    const appended = readAppended({ appended: () => appendedCommands(server.appendOnlyFile) })
    expect([...appended.incarnations]).toEqual(incarnations)
    // Of results that would leave the log at once only the number is stored.
    expect(appended.results).toEqual(incarnations.flatMap((incarnation) => [
      { feed: 'f', incarnation, sequence: 1, result: 'one' }, { feed: 'f', incarnation, sequence: 3, result: 'three' },
    ]))
  })
})
