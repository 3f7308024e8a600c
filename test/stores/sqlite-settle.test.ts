/** What a settle leaves behind when nothing delivered is kept. */
import { expect, test } from 'vitest'
import { LANE, message, migratedStore, put, take, TARGET } from './sqlite-support.js'

test.each([
  ['alone', 0], ['with one that never failed', 1],
])('a message that failed, died and was redriven leaves no row when it is delivered, %s', async (_, fresh) => {
  const store = await migratedStore({ retainDeliveredMs: 0 })
  const [id = ''] = await put(store, message())
  const first = await take(store)
  const failed = { id, kind: 'dead', error: 'gone' } as const
  await store.settle({ token: first?.token ?? '', outcomes: [failed], scope: undefined })
  await store.resolveDead({ ids: [id], action: 'redrive', scope: undefined })
  const ids = [id, ...await put(store, ...Array.from({ length: fresh }, () => message()))]
  const claim = await store.claim({ lane: LANE, target: TARGET, limit: 10, leaseMs: 30_000, consumer: 'c', scopes: undefined })
  const outcomes = ids.map((each) => ({ id: each, kind: 'ack' }) as const)
  expect(await store.settle({ token: claim?.token ?? '', outcomes, scope: undefined })).toEqual(ids.map(() => 'delivered'))
  const tables = ['message', 'failure', 'redriven', 'claimed', 'claim', 'due', 'dead']
  const left = await store.database.read((query) => tables.map((table) => (
    Number(query(`select count(*) as n from waybill_outbox_${table}`)[0]?.['n']))))
  expect(left).toEqual(tables.map(() => 0))
})

test('acks of a claim that was partly settled count only what is still open', async () => {
  const store = await migratedStore({ retainDeliveredMs: 0 })
  const [a = '', b = '', c = ''] = await put(store, message(), message(), message())
  const token = (await take(store))?.token ?? ''
  const ack = (id: string): { id: string; kind: 'ack' } => ({ id, kind: 'ack' })
  expect(await store.settle({ token, outcomes: [ack(a), ack(a)], scope: undefined })).toEqual(['delivered', 'lost_claim'])
  expect(await store.settle({ token, outcomes: [ack(a), ack(b)], scope: undefined })).toEqual(['lost_claim', 'delivered'])
  expect(await store.settle({ token, outcomes: [ack(c)], scope: undefined })).toEqual(['delivered'])
  expect(await store.stats({})).toEqual([])
})
