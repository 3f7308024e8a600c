/** Several processes on one file: nothing lost, nothing claimed twice, also when one is killed. */
import { expect, test } from 'vitest'
import { scopeId } from '../../src/core/scope.js'
import { Child } from '../support/child.js'
import { idsOf, message, migratedStore, openHandle, put, take, testFile } from './sqlite-support.js'

interface Report {
  readonly ids: readonly string[]
  readonly token?: string
}

const child = (path: string, name: string): Child<Report> => new Child('sqlite-child.mjs', path, name)

test('four processes enqueue and drain one file: each message delivered once, by one of them', async () => {
  const path = testFile()
  const children = ['a', 'b', 'c', 'd'].map((name) => child(path, name))
  const [a, b, c, d] = children as [Child<Report>, Child<Report>, Child<Report>, Child<Report>]
  await Promise.all(children.map((each) => each.run('migrate')))
  const applied = openHandle(path).query('select version from waybill_migration order by version')
  expect(applied.map(({ version }) => version)).toEqual(applied.map((_, n) => BigInt(n + 1)))
  const work = [a.run('enqueue', { count: 1_500, batch: 15 }), b.run('enqueue', { count: 1_500, batch: 1 })]
  const drains = [c.run('drain', { expected: 3_000, scopes: [scopeId('even')] }), d.run('drain', { expected: 3_000 })]
  const enqueued = (await Promise.all(work)).flatMap(({ ids }) => ids)
  const delivered = (await Promise.all(drains)).flatMap(({ ids }) => ids)
  expect(new Set(enqueued).size).toBe(3_000)
  expect(delivered.toSorted()).toEqual(enqueued.toSorted())
}, 120_000)

test('two processes quarantine what two others claim and settle: each message is moved once, or delivered', async () => {
  const path = testFile()
  const children = ['a', 'b', 'c', 'd'].map((name) => child(path, name))
  const [a, b, c, d] = children as [Child<Report>, Child<Report>, Child<Report>, Child<Report>]
  await a.run('migrate')
  const { ids } = await a.run('enqueue', { count: 1_500, batch: 15 })
  const reapers = [a.run('quarantine', { ids, rounds: 100 }), b.run('quarantine', { ids, rounds: 100 })]
  const workers = [c.run('drainUntilEmpty'), d.run('drainUntilEmpty')]
  const moved = (await Promise.all(reapers)).flatMap((report) => report.ids)
  const delivered = (await Promise.all(workers)).flatMap((report) => report.ids)
  const rest = (await c.run('drainUntilEmpty')).ids
  expect(moved.length).toBeGreaterThan(0)
  expect([...moved, ...delivered, ...rest].toSorted()).toEqual(ids.toSorted())
}, 120_000)

test('a process killed after a quarantine, before anybody heard of it: repeated, it skips what was moved', async () => {
  const path = testFile()
  const store = await migratedStore({ path })
  const ids = await put(store, message(), message())
  const reaper = child(path, 'a')
  reaper.tell('quarantineAndDie', { ids })
  await reaper.ended()
  const entries = ids.map((id) => ({ id, failures: 3, error: 'again' }))
  expect(await store.quarantine({ entries, scope: undefined })).toEqual(['skipped', 'skipped'])
  expect((await store.get(ids, undefined)).map(({ status }) => status)).toEqual(['dead_letter', 'dead_letter'])
  expect((await store.failures(ids[0] ?? '', undefined)).map(({ error }) => error)).toEqual(['quarantined after 3 failures: a'])
})

test('a process killed with a claim: its messages are suspects after the lease, and its token is dead', async () => {
  let now = Date.now()
  const path = testFile()
  const store = await migratedStore({ path, now: () => now })
  const ids = await put(store, message(), message(), message())
  const victim = child(path, 'victim')
  const held = await victim.run('claimAndHang', { leaseMs: 60_000 })
  expect(held.ids).toEqual(ids)
  await victim.kill()
  expect(await take(store)).toBeNull()
  now += 120_000
  const claim = await take(store)
  expect(claim).toMatchObject({ suspect: true })
  expect(idsOf(claim)).toEqual(ids.slice(0, 1))
  const outcomes = ids.map((id) => ({ id, kind: 'ack' as const }))
  expect(await store.settle({ token: held.token ?? '', outcomes, scope: undefined }))
    .toEqual(['lost_claim', 'lost_claim', 'lost_claim'])
}, 60_000)

test('a process killed inside its transaction leaves nothing, and its lock goes with it', async () => {
  const path = testFile()
  const store = await migratedStore({ path, busyTimeoutMs: 10_000 })
  const victim = child(path, 'victim')
  expect((await victim.run('enqueueAndHang')).ids).toHaveLength(1)
  const waiting = put(store, message())
  await victim.kill()
  const [id] = await waiting
  expect((await store.list({ limit: 10 })).map((each) => each.id)).toEqual([id])
}, 60_000)
