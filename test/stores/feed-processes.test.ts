/** Several processes on one feed, some of which are killed: what was reported is there, once, and nothing else is. */
import { existsSync, readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AnyFeed } from '../../src/feeds/feed.js'
import type { FeedOptions } from '../../src/feeds/feed-options.js'
import type { RowDraft } from '../../src/feeds/changes.js'
import type { Result } from '../../src/feeds/result.js'
import type { Subscriber } from '../../src/feeds/subscriber.js'
import type { SubscriberOptions } from '../../src/feeds/subscriber-options.js'
import { postgres } from '../../src/postgres.js'
import { redis } from '../../src/redis.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { buildProgram, type BuiltProgram } from '../cli/program.js'
import { Child } from '../support/child.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-schemas.js'
import { redisMissing, RedisServer } from '../support/redis-server.js'
import { testFile } from './sqlite-support.js'

interface Report {
  readonly sequence?: string
  readonly n?: number
  readonly isHeld?: boolean
  readonly isDone?: boolean
}

interface Value {
  readonly name: string
  readonly n: number
}

interface Place {
  readonly feed: AnyFeed
  /** What a child needs to open the same. */
  readonly words: readonly string[]
  bootstrap(rows: readonly RowDraft[]): Promise<unknown>
  commit(after: unknown): Promise<unknown>
  subscriber(options: SubscriberOptions): Subscriber
  /** What was written with each result. Absent where there are no transactions. */
  written?(): Promise<readonly (Value & { readonly sequence: string })[]>
}

const OPTIONS: Omit<FeedOptions, 'name'> = { capacity: 100_000 }
const COUNT = 40

async function sqlPlace(store: Store, words: readonly string[]): Promise<Place> {
  const waybill = createWaybill({ store })
  onTestFinished(() => waybill.close())
  await waybill.migrate()
  const feed = waybill.feed('orders', OPTIONS)
  return {
    feed, words,
    bootstrap: (rows) => waybill.transaction((tx) => feed.bootstrap(tx, rows)),
    commit: (after) => feed.commitAlone([{ op: 'update', key: 1, after }]),
    subscriber: (options) => waybill.subscriber(options),
    async written() {
      const messages = await waybill.outbox.list({ limit: 1_000 })
      return messages.map(({ payload }) => JSON.parse(Buffer.from(payload).toString()) as Value & { sequence: string })
    },
  }
}

async function resultsBehind(feed: AnyFeed, sequence: bigint): Promise<Result[]> {
  const all: Result[] = []
  for (let after = sequence; ; after = all.at(-1)?.sequence ?? after) {
    const page = await feed.after(after)
    if (page.kind !== 'results') throw new Error(page.kind)
    all.push(...page.results)
    if (!page.hasMore) return all
  }
}

async function rowsOf(feed: AnyFeed): Promise<{ readonly sequence: bigint; readonly rows: Map<bigint, unknown> }> {
  const snapshot = (await feed.snapshot())!
  const rows = new Map<bigint, unknown>()
  for await (const { signature, value } of snapshot.rows) {
    if (value === undefined) rows.delete(signature)
    else rows.set(signature, value)
  }
  return { sequence: snapshot.sequence, rows }
}

/** Its reports of commits, until it has given so many, holds one, or is done. */
async function reports(child: Child<Report>, count = Infinity): Promise<Report[]> {
  const all: Report[] = []
  while (all.length < count) {
    const report = await child.next()
    if (report === undefined || report.isDone === true || report.isHeld === true) break
    all.push(report)
  }
  return all
}

async function killAmongOthers({ feed, words, bootstrap, written }: Place): Promise<void> {
  const start = (name: string): Child<Report> => new Child('feed-child.mjs', program.package, ...words, name)
  await bootstrap([1, 2, 3, 99].map((key) => ({ key, value: 'was there' })))
  const first = await rowsOf(feed)
  const victim = start('v')
  const others = ['a', 'b', 'c'].map((name) => ({ name, child: start(name) }))
  for (const { child } of others) child.tell('commit', { count: COUNT })
  victim.tell(written === undefined ? 'flood' : 'commit', { count: 10, width: 8 })
  const ofVictim = await reports(victim, 10)
  if (written !== undefined) {
    await victim.next()
    expect(await victim.run('hold', { n: 10 })).toEqual({ isHeld: true })
  }
  await victim.kill()
  const reported = [{ name: 'v', all: [...ofVictim, ...await reports(victim)] }]
  for (const { name, child } of others) reported.push({ name, all: await reports(child) })

  const results = await resultsBehind(feed, first.sequence)
  const valueOf = ({ changes: [change] }: Result): Value => change?.before as Value
  expect(results.map(({ sequence }) => Number(sequence))).toEqual(results.map((_, n) => Number(first.sequence) + n + 1))
  const bySequence = new Map(results.map((result) => [String(result.sequence), valueOf(result)]))
  for (const { name, all } of reported) {
    for (const { sequence = '', n } of all) expect(bySequence.get(sequence)).toEqual({ name, n })
  }
  expect(reported.map(({ all }) => all.length).slice(1)).toEqual([COUNT, COUNT, COUNT])
  const { rows } = first
  for (const { changes } of results) {
    for (const { op, signature, after } of changes) {
      if (op === 'delete') rows.delete(signature)
      else rows.set(signature, after)
    }
  }
  const last = await rowsOf(feed)
  expect([last.sequence, last.rows]).toEqual([results.at(-1)?.sequence, rows])
  if (written === undefined) return
  expect(results.length).toBe(reported.flatMap(({ all }) => all).length)
  const own = new Map((await written()).map(({ sequence, ...value }) => [sequence, value]))
  expect(own).toEqual(bySequence)
}

const MOMENTS = ['before the effect', 'after the effect', 'before the save', 'after the save'] as const

type Moment = typeof MOMENTS[number]

/** Follows 6 results, and dies at the third, or at the first checkpoint there; what it had handled. */
async function dieAt(place: Place, when: Moment): Promise<readonly number[]> {
  const log = testFile()
  const dying = new Child<Report>('feed-child.mjs', program.package, ...place.words, 'f')
  dying.tell('follow', { id: when, log, when, at: 3 })
  await dying.ended()
  return existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n').map(Number) : []
}

/** Another process goes on, up to result 7. */
async function goOn(place: Place, when: Moment, before: readonly number[]): Promise<void> {
  const after: number[] = []
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => { end = resolve })
  await using subscriber = place.subscriber({
    id: when, feeds: [place.feed], start: 'earliest', pollMaxMs: 20,
    onResult({ sequence }) {
      after.push(Number(sequence))
      if (sequence === 7n) end()
    },
  })
  await subscriber.start()
  await ended
  const stored = (after[0] ?? 0) - 1
  expect(after).toEqual([1, 2, 3, 4, 5, 6, 7].slice(stored))
  expect(before).toEqual([1, 2, 3, 4, 5, 6].slice(0, before.length))
  expect(stored).toBeLessThanOrEqual(before.length)
  if (when === 'before the effect') expect(before.length).toBe(2)
  if (when === 'after the effect') expect([before.length, stored <= 2]).toEqual([3, true])
  // Which it handled, and it may have gone on while that was saved.
  if (when === 'before the save') expect([before.length >= 3, stored <= 2]).toEqual([true, true])
  if (when === 'after the save') expect(stored).toBeGreaterThanOrEqual(3)
}

let program: BuiltProgram

beforeAll(() => { program = buildProgram() })
afterAll(() => program.remove())

function processTests(open: () => Promise<Place>): void {
  test('four processes commit to one feed, one is killed in the middle of it: dense, and rows as the log says', async () => {
    await killAmongOthers(await open())
  }, 60_000)

  test('a subscriber that is killed between any two of its steps: the next one goes on behind what was stored', async () => {
    const place = await open()
    for (let n = 1; n <= 6; n += 1) await place.commit(n)
    const handled = await Promise.all(MOMENTS.map((when) => dieAt(place, when)))
    await place.commit(7)
    await Promise.all(MOMENTS.map((when, n) => goOn(place, when, handled[n] ?? [])))
  }, 60_000)
}

describe('processes on one feed', () => {
  describe('on SQLite', () => processTests(async () => {
    const path = testFile()
    return sqlPlace(sqlite({ path, busyTimeoutMs: 20_000 }), ['sqlite', path, '-'])
  }))

  // reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
  describe.skipIf(postgresUrl === null)('on PostgreSQL [skipped without a server]', () => processTests(async () => {
    const schema = freshSchema()
    onTestFinished(() => dropSchema(schema))
    const url = postgresUrl ?? ''
    return sqlPlace(postgres({ url, schema }), ['postgres', url, schema])
  }))

  // reason: there is no redis-server; a printed line says why. WAYBILL_CI requires one.
  describe.skipIf(redisMissing() !== undefined)('on Redis [skipped without a server]', () => {
    let server: RedisServer
    let places = 0
    beforeAll(async () => { server = await RedisServer.create() })
    afterAll(() => server?.[Symbol.asyncDispose]())
    processTests(async () => {
      const prefix = `place-${places += 1}:`
      const store = redis({ url: server.url, prefix })
      onTestFinished(() => store.close())
      const feed = store.feed('orders', OPTIONS)
      return {
        feed, words: ['redis', server.url, prefix],
        bootstrap: (rows) => feed.bootstrap(rows),
        commit: (after) => feed.commit([{ op: 'update', key: 1, after }]),
        subscriber: (options) => store.subscriber(options),
      }
    })
  })
})
