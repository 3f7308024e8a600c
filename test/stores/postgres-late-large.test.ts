/** Late commits in bulk and at random, among whatever else runs on the server meanwhile. */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { pause } from '../../src/core/environment.js'
import type { SqlExecutor } from '../../src/core/sql.js'
import { pgDriver } from '../../src/drivers/pg.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { Outbox, type ClaimOptions } from '../../src/outbox/outbox.js'
import {
  seededRandom, type OpenedOutbox, type OpenTransaction, type SeededRandom,
} from '../../src/testkit/index.js'
import { openPostgres, postgresUrl } from '../support/postgres-outbox.js'

type Draft = Partial<OutboxMessageDraft>

const QUEUE = { lane: 'orders', target: 'mailer' }
const SEED = 20
const MESSAGES = 5_000

let opened: OpenedOutbox<SqlExecutor>
let outbox: Outbox<SqlExecutor>

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, late commits in bulk [skipped without a server]', () => {
  beforeEach(async () => {
    opened = await openPostgres({ client: 'pg' })({})
    outbox = new Outbox(opened.store, (tx) => tx)
  })

  afterEach(() => opened.close())

  test('5,000 late messages of two scopes, claimed page by page while others commit', async () => {
    const large = await opened.begin()
    const [mine, theirs]: [string[], string[]] = [[], []]
    for (let n = 0; n < 10; n += 1) {
      mine.push(...await put(large, 250, { scope: 'mine' }))
      theirs.push(...await put(large, 250, { scope: 'theirs' }))
    }
    const small = await opened.begin()
    const later = await put(small, 3, { scope: 'mine' })
    expect(await drain()).toEqual([])
    const passed = await commit(10, { scope: 'mine' })
    expect(await drain({ scopes: ['mine'] })).toEqual(passed)
    await large.commit()

    const [found, meanwhile]: [string[], string[]] = [[], []]
    for (let round = 0; round < 12; round += 1) {
      found.push(...await claimOnce({ limit: 230, ...(round % 3 === 2 ? {} : { scopes: ['mine'] }) }))
      meanwhile.push(...await commit(1, { scope: round % 2 === 0 ? 'mine' : 'theirs' }))
      if (round === 3) await small.commit()
    }
    found.push(...await drain({ limit: 1_000 }))
    expect(new Set(found).size).toBe(found.length)
    expect(found.toSorted()).toEqual([...mine, ...theirs, ...later, ...meanwhile].toSorted())
    for (const ids of [mine, theirs]) {
      const set = new Set(ids)
      expect(found.filter((id) => set.has(id))).toEqual(ids)
    }
  })

  test('two lanes, read at different times, each find the late rows of writers to both', async () => {
    const lanes = ['orders', 'returns'] as const
    const writers = await Promise.all([1, 2, 3, 4].map(async () => ({
      transaction: await opened.begin(), ids: { orders: [] as string[], returns: [] as string[] },
    })))
    for (const { transaction, ids } of [...writers, ...writers.toReversed()]) {
      for (const lane of lanes) ids[lane].push(...await put(transaction, 2, { lane }))
    }
    const expected = { orders: [] as string[], returns: [] as string[] }
    const found = { orders: [] as string[], returns: [] as string[] }
    for (const [n, { transaction, ids }] of writers.entries()) {
      for (const lane of lanes) expected[lane].push(...await commit(1, { lane }))
      // The second lane is read every other time only.
      for (const lane of lanes.slice(0, 1 + n % 2)) found[lane].push(...await drain({ lane, limit: 3 }))
      await (n === 2 ? transaction.rollback() : transaction.commit())
      if (n !== 2) for (const lane of lanes) expected[lane].push(...ids[lane])
    }
    for (const lane of lanes) {
      found[lane].push(...await drain({ lane, limit: 3 }))
      expect(found[lane].toSorted()).toEqual(expected[lane].toSorted())
    }
  })

  test(`random: six producers, four claimers, two of them scoped: each message once (seed ${SEED})`,
    async () => {
      const committed: string[] = []
      const claimed: string[] = []
      let producing = true
      const producers = Array.from({ length: 6 }, (_, n) => produce(seededRandom(SEED + n), committed))
      const claimers = [
        { limit: 7 }, { limit: 100 }, { limit: 7, scopes: ['a'] }, { limit: 100, scopes: ['b', 'c'] },
      ].map(async (options, n) => {
        while (producing) {
          const ids = await claimOnce({ ...options, consumer: `worker-${n}` })
          claimed.push(...ids)
          if (ids.length === 0) await pause(1)
        }
      })
      await Promise.all(producers).finally(() => { producing = false })
      await Promise.all(claimers)
      claimed.push(...await drain())
      expect(committed.length).toBeGreaterThanOrEqual(MESSAGES)
      expect(new Set(claimed).size).toBe(claimed.length)
      expect(claimed.toSorted()).toEqual(committed.toSorted())
    }, 60_000)
})

/** Transactions of 1 to 50 messages on a connection of its own, until enough have committed. */
async function produce(random: SeededRandom, committed: string[]): Promise<void> {
  const client = new pg.Client(postgresUrl ?? '')
  await client.connect()
  const enqueue = (count: number): Promise<string[]> =>
    put({ tx: pgDriver().executor(client) }, count, { scope: random.pick(['a', 'b', 'c']) })
  while (committed.length < MESSAGES) {
    const ids: string[] = []
    await client.query('begin')
    if (random.next() < 0.3) {
      await client.query('select pg_current_xact_id()')
      await pause(random.integer(0, 20))
    }
    for (let left = random.integer(1, 50); left > 0;) {
      const count = random.integer(1, left)
      ids.push(...await enqueue(count))
      left -= count
      if (random.next() < 0.2) await pause(random.integer(0, 10))
    }
    if (random.next() < 0.3) {
      await client.query('savepoint here')
      await enqueue(random.integer(1, 10))
      await client.query('rollback to savepoint here')
      ids.push(...await enqueue(1))
    }
    const rollsBack = random.next() < 0.1
    await client.query(rollsBack ? 'rollback' : 'commit')
    if (!rollsBack) committed.push(...ids)
  }
  await client.end()
}

type Open = Pick<OpenTransaction<SqlExecutor>, 'tx'>

async function put({ tx }: Open, count: number, draft: Draft = {}): Promise<string[]> {
  return idsOf(await outbox.enqueueMany(tx, drafts(count, draft)))
}

async function commit(count: number, draft: Draft): Promise<string[]> {
  return idsOf(await opened.store.transaction((tx) => outbox.enqueueMany(tx, drafts(count, draft))))
}

async function claimOnce(options: Partial<ClaimOptions> = {}): Promise<string[]> {
  const claim = await outbox.claim({ ...QUEUE, consumer: 'worker', limit: 100, ...options })
  const ids = idsOf(claim?.messages ?? [])
  if (claim !== null) await outbox.settle(claim.token, ids.map((id) => ({ id, kind: 'ack' })))
  return ids
}

async function drain(options: Partial<ClaimOptions> = {}): Promise<string[]> {
  const ids: string[] = []
  for (;;) {
    const found = await claimOnce(options)
    if (found.length === 0) return ids
    ids.push(...found)
  }
}

function drafts(count: number, draft: Draft): OutboxMessageDraft[] {
  return Array.from({ length: count }, () => ({ ...QUEUE, type: 't', payload: 1, ...draft }))
}

const idsOf = (messages: readonly { readonly id: string }[]): string[] => messages.map(({ id }) => id)
