/** What a settle leaves behind when nothing delivered is kept. */
import { expect, test } from 'vitest'
import { LANE, message, migratedStore, put, take, TARGET } from './sqlite-support.js'

test.each([
  ['alone', 0], ['with one that never failed', 1],
])('a message that failed, died and was redriven with another payload leaves no row when it is delivered, %s', async (_, fresh) => {
  const store = await migratedStore({ retainDeliveredMs: 0 })
  const [id = ''] = await put(store, message())
  const first = await take(store)
  const failed = { id, kind: 'dead', error: 'gone' } as const
  await store.settle({ token: first?.token ?? '', outcomes: [failed], scope: undefined })
  const edit = { payload: Buffer.from('2'), contentType: 'application/json', by: 'a', note: 'b' }
  await store.resolveDead({ ids: [id], action: 'redrive', scope: undefined, edit })
  const ids = [id, ...await put(store, ...Array.from({ length: fresh }, () => message()))]
  const claim = await store.claim({ lane: LANE, target: TARGET, limit: 10, leaseMs: 30_000, consumer: 'c', scopes: undefined })
  const outcomes = ids.map((each) => ({ id: each, kind: 'ack' }) as const)
  expect(await store.settle({ token: claim?.token ?? '', outcomes, scope: undefined })).toEqual(ids.map(() => 'delivered'))
  const tables = ['message', 'failure', 'redriven', 'claimed', 'claim', 'due', 'dead', 'edit']
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

test('a message that was redriven with another payload leaves no row when it is discarded or purged', async () => {
  const store = await migratedStore()
  const ids = await put(store, message(), message())
  const entries = ids.map((id) => ({ id, failures: 1, error: 'x' }))
  const edit = { payload: Buffer.from('2'), contentType: 'application/json', by: 'a', note: 'b' }
  const edits = () => store.database.read((query) => Number(query('select count(*) as n from waybill_outbox_edit')[0]?.['n']))
  await store.quarantine({ entries, scope: undefined })
  for (const id of ids) await store.resolveDead({ ids: [id], action: 'redrive', scope: undefined, edit })
  await store.quarantine({ entries, scope: undefined })
  expect(await edits()).toBe(2)
  await store.resolveDead({ ids: ids.slice(1), action: 'discard', scope: undefined })
  expect(await edits()).toBe(1)
  await store.purge({
    deadOlderThanMs: 0, deliveredOlderThanMs: undefined, dedupeOlderThanMs: undefined, limit: 10, scope: undefined, dryRun: false,
  })
  expect(await edits()).toBe(0)
})
