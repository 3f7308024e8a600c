/**
 * Several relays in processes of their own share the keys of an ordered lane, and some are killed. What counts is
 * their common log: no delivery starts before every earlier one of its key has ended.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createWaybill } from '../../src/index.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { testFile } from './sqlite-support.js'

const KEYS = 15
const PER_KEY = 40
const LANE = 'orders'

interface Place {
  readonly store: Store
  /** What the child needs to open the same. */
  readonly words: readonly string[]
}

interface Line {
  readonly what: string
  readonly key: string
  readonly n: number
}

async function spawnRelay({ words }: Place, log: string): Promise<ChildProcess> {
  const script = fileURLToPath(new URL('relay-child.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, ...words, LANE, log], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => kill(child))
  await once(child.stdout, 'data')
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

function linesOf(log: string): Line[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8').split('\n').filter((line) => line !== '').map((line) => {
    const [what = '', key = '', n] = line.split(' ')
    return { what, key, n: Number(n) }
  })
}

function checkOrder(lines: readonly Line[]): void {
  const ended = new Map<string, Set<number>>()
  for (const { what, key, n } of lines) {
    const done = ended.get(key) ?? new Set()
    ended.set(key, done)
    if (what === 'end') done.add(n)
    else for (let earlier = 0; earlier < n; earlier += 1) expect(done.has(earlier), `${key}: ${n} before ${earlier}`).toBe(true)
  }
  expect(ended.size).toBe(KEYS)
  for (const done of ended.values()) expect(done.size).toBe(PER_KEY)
}

async function killedRelaysKeepTheOrder(place: Place, log: string): Promise<void> {
  const waybill = createWaybill({ store: place.store, lanes: { [LANE]: { ordering: 'block' } } })
  await waybill.migrate()
  for (let n = 0; n < PER_KEY; n += 1) {
    await waybill.transaction((tx) => waybill.outbox.enqueueMany(tx, Array.from({ length: KEYS }, (_, key) => (
      { lane: LANE, target: 't', type: 't', key: `key-${key}`, payload: n }))))
  }
  const delivered = async (): Promise<number> => (await waybill.outbox.stats())[0]?.delivered ?? 0
  const until = async (count: number): Promise<void> => {
    while (await delivered() < count) await wait(20)
  }
  const first = await Promise.all([spawnRelay(place, log), spawnRelay(place, log), spawnRelay(place, log)])
  await until(KEYS * PER_KEY / 5)
  await kill(first[0])
  await until(KEYS * PER_KEY / 2)
  await kill(first[1])
  await spawnRelay(place, log)
  await until(KEYS * PER_KEY)
  checkOrder(linesOf(log))
  await waybill.close()
}

describe('relays that share keys, and are killed', () => {
  test('on SQLite', async () => {
    const path = testFile()
    const place = { store: sqlite({ path }) as Store, words: ['sqlite', path, '-'] }
    await killedRelaysKeepTheOrder(place, `${path}.log`)
  }, 120_000)

  // reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
  test.skipIf(postgresUrl === null)('on PostgreSQL [skipped without a server]', async () => {
    const schema = freshSchema()
    onTestFinished(() => dropSchema(schema))
    const url = postgresUrl ?? ''
    const place = { store: postgres({ url, schema }) as Store, words: ['postgres', url, schema] }
    await killedRelaysKeepTheOrder(place, `${testFile()}.log`)
  }, 120_000)
})
