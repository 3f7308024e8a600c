/** Claims: what they read, what they pass over, and that history does not slow them. */
import { describe, expect, test } from 'vitest'
import { scopeId } from '../../src/core/scope.js'
import { claimStatements } from '../../src/stores/sqlite/outbox-claim.js'
import { deadStatements } from '../../src/stores/sqlite/outbox-dead.js'
import { readStatements } from '../../src/stores/sqlite/outbox-read.js'
import { settleStatements } from '../../src/stores/sqlite/outbox-settle.js'
import { idsOf, LANE, message, migratedStore, put, take, TARGET } from './sqlite-support.js'

const [rare, common] = [scopeId('rare'), scopeId('common')]

describe('plans', () => {
  test.each(['none', 'block'] as const)('%s: no statement of a claim, a settle or a page scans a table or sorts', async (
    ordering,
  ) => {
    const store = await migratedStore()
    const { database } = store
    await store.migrate({ [LANE]: ordering })
    await put(store, ...Array.from({ length: 2_000 }, (_, n) => message({
      ...(n % 2 === 0 ? {} : { due: { at: n } }), ...(ordering === 'none' ? {} : { key: `key-${n % 50}`, scope: n % 3 === 0 ? rare : common }),
    })))
    const claim = await take(store, { limit: 20 })
    await store.settle({ token: claim?.token ?? '', scope: undefined,
      outcomes: idsOf(claim).slice(10).map((id) => ({ id, kind: 'dead', error: 'gone' })) })
    await database.write((query) => query('analyze'))
    const { tables } = database
    const { fail, buryExpired, distrust, forgetExpired, expired, next, end, heldLines, ...claiming } =
      claimStatements(tables)
    const { get, dueSequences, logSequences, nextLane, nextTarget, listDead, listClaimed } = readStatements(tables)
    const statements = Object.entries({
      ...claiming, ...settleStatements(tables), ...deadStatements(tables), get, dueSequences, logSequences, nextLane, nextTarget, listDead,
      listClaimed, open: forgetExpired, openFailed: fail,
    })
    for (const [name, text] of statements) {
      const plan = await database.read((query) =>
        query(`explain query plan ${text}`).map((row) => String(row['detail'])))
      // page, one, scopes and s are what a subquery has found by an index, up to its limit.
      const costly = plan.filter((step) =>
        /^SCAN (?!CONSTANT|(?:page|one|scopes|s)$|\w+ VIRTUAL TABLE)|TEMP B-TREE/.test(step))
      expect(costly, `${name}: ${plan.join(' / ')}`).toEqual([])
    }
    // The ending of claims reads the few claims there are.
    for (const text of [expired, next, end, buryExpired, distrust, heldLines]) {
      await database.read((query) => query(`explain ${text}`))
    }
  })

  test('an idle poll neither writes nor waits for a writer', async () => {
    const store = await migratedStore({ busyTimeoutMs: 0 })
    await store.transaction(async () => {
      expect(await take(store)).toBeNull()
      expect(await take(store, { scopes: [rare] })).toBeNull()
    })
  })
})

describe('scoped claims', () => {
  test('find their messages behind 45,000 of others, which are then claimed in order', async () => {
    const store = await migratedStore()
    const others: string[] = []
    for (let batch = 0; batch < 9; batch += 1) {
      others.push(...await put(store, ...Array.from({ length: 5_000 }, () => message({ scope: common }))))
    }
    const mine = await put(store, message({ scope: rare }), message({ scope: common }), message({ scope: rare }))
    expect(idsOf(await take(store, { scopes: [rare] }))).toEqual([mine[0], mine[2]])
    expect(await take(store, { scopes: [rare] })).toBeNull()
    expect(idsOf(await take(store, { scopes: [rare, common], limit: 1_000 }))).toEqual(others.slice(0, 1_000))
    const rest: string[] = []
    for (let claim = await take(store, { limit: 1_000 }); claim !== null; claim = await take(store, { limit: 1_000 })) {
      rest.push(...idsOf(claim))
    }
    expect(rest).toEqual([...others.slice(1_000), mine[1]])
  }, 60_000)

  test('of no scope take nothing and pass over nothing', async () => {
    const store = await migratedStore()
    const ids = await put(store, message())
    expect(await take(store, { scopes: [] })).toBeNull()
    expect(idsOf(await take(store))).toEqual(ids)
  })
})

test('scheduled messages and the log are merged by (availableAt, id)', async () => {
  let now = 1_000
  const store = await migratedStore({ now: () => now })
  const at = (time: number): ReturnType<typeof message> => message({ due: { at: time } })
  const [late = '', early = '', tie = ''] = await put(store, at(1_002), at(999), at(1_001))
  const [first = ''] = await put(store, message())
  now = 1_001
  const [second = ''] = await put(store, message())
  // The clock is set back: the log keeps its order.
  now = 990
  const [third = ''] = await put(store, message())
  now = 1_005
  const order: string[] = []
  for (let claim = await take(store, { limit: 2 }); claim !== null; claim = await take(store, { limit: 2 })) {
    order.push(...idsOf(claim))
  }
  expect(order).toEqual([early, first, tie, second, third, late])
})

test('a lease that was shortened ends when it says', async () => {
  let now = 1_000
  const store = await migratedStore({ now: () => now })
  const ids = await put(store, message())
  const claim = await take(store)
  expect(await store.extend({ token: claim?.token ?? '', leaseMs: 10, scope: undefined })).toBe(1_010)
  now = 1_010
  expect(idsOf(await take(store))).toEqual(ids)
})

test('the history of failures of one message is bounded', async () => {
  const store = await migratedStore({ now: () => 1_000 })
  await put(store, message({ maxAttempts: 1_000_000 }))
  for (let attempt = 1; attempt <= 1_030; attempt += 1) {
    const claim = await take(store)
    await store.settle({
      token: claim?.token ?? '', scope: undefined,
      outcomes: idsOf(claim).map((id) => ({ id, kind: 'retry', error: `failure ${attempt}`, retryInMs: 0 })),
    })
  }
  const kept = await store.database.read((query) => query('select attempt from waybill_outbox_failure order by id'))
  expect(kept.map(({ attempt }) => Number(attempt))).toEqual(Array.from({ length: 1_000 }, (_, n) => n + 31))
  expect((await take(store))?.messages[0]?.lastError).toBe('failure 1030')
})

test('delivered history leaves by itself when its time is over', async () => {
  let now = 1_000
  const store = await migratedStore({ now: () => now, retainDeliveredMs: 100 })
  const deliver = async (count: number): Promise<void> => {
    await put(store, ...Array.from({ length: count }, () => message()))
    const claim = await take(store, { lane: LANE, target: TARGET })
    const outcomes = idsOf(claim).map((id) => ({ id, kind: 'ack' as const }))
    await store.settle({ token: claim?.token ?? '', scope: undefined, outcomes })
  }
  await deliver(10)
  now += 100
  await deliver(3)
  expect(await store.stats({})).toMatchObject([{ delivered: 7 }])
  await deliver(4)
  expect(await store.stats({})).toMatchObject([{ delivered: 7 }])
})
