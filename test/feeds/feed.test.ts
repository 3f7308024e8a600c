/** What the public feed makes of changes, of any store: signatures, kinds, limits, gaps, and what is refused. */
import { describe, expect, test } from 'vitest'
import type { ChangeDraft } from '../../src/feeds/changes.js'
import type { FeedOptions } from '../../src/feeds/feed-options.js'
import { configHash, rowSignature } from '../../src/feeds/signature.js'
import { memory } from '../../src/memory.js'
import { createWaybill } from '../../src/waybill.js'

interface Order { readonly id: number; readonly total?: number }

function opened(options: Partial<FeedOptions> = {}) {
  const store = memory()
  const waybill = createWaybill({ store })
  return { store, waybill, feed: waybill.feed('orders', { key: ({ id }: Order) => id, ...options }) }
}

async function rowsOf({ feed }: Pick<ReturnType<typeof opened>, 'feed'>): Promise<Map<bigint, unknown>> {
  const rows = new Map<bigint, unknown>()
  for await (const { signature, value } of (await feed.snapshot())?.rows ?? []) rows.set(signature, value)
  return rows
}

const row = (id: number, total = 1): [bigint, Order] => [rowSignature(id), { id, total }]

test('each kind of change has its effect on the rows, and comes back from the log with its values', async () => {
  const place = opened()
  const changes: readonly ChangeDraft[] = [
    { op: 'add', after: { id: 1, total: 1 } },
    { op: 'update', before: { id: 2, total: 0 }, after: { id: 2, total: 1 } },
    { op: 'aggregation', key: 'sum', after: 2 },
    { op: 'delete', before: { id: 4, total: 1 } },
    { op: 'noop' },
  ]
  await place.waybill.transaction((tx) => place.feed.bootstrap(tx, [{ value: { id: 4, total: 1 } }, { value: { id: 5, total: 1 } }]))
  expect(await place.feed.commitAlone(changes)).toEqual({ advanced: true, sequence: 1n })
  expect(await rowsOf(place)).toEqual(new Map<bigint, unknown>([row(5), row(1), row(2), [rowSignature('sum'), 2]]))
  const after = await place.feed.after(0)
  expect(after.kind === 'results' && after.results[0]?.changes).toEqual([
    { op: 'add', signature: rowSignature(1), before: undefined, after: { id: 1, total: 1 } },
    { op: 'update', signature: rowSignature(2), before: { id: 2, total: 0 }, after: { id: 2, total: 1 } },
    { op: 'aggregation', signature: rowSignature('sum'), before: undefined, after: 2 },
    { op: 'delete', signature: rowSignature(4), before: { id: 4, total: 1 }, after: undefined },
    { op: 'noop', signature: 0n, before: undefined, after: undefined },
  ])
})

test('results are numbered from 1; what is put in without one, and nothing but noop, advance nothing', async () => {
  const place = opened()
  const { feed, waybill } = place
  expect(await feed.commitAlone([{ op: 'noop' }])).toEqual({ advanced: false, sequence: undefined })
  expect(await feed.commitAlone([])).toEqual({ advanced: false, sequence: undefined })
  expect(await feed.state()).toBeUndefined()
  expect(await waybill.transaction((tx) => feed.bootstrap(tx, [{ value: { id: 1, total: 1 } }]))).toBe(1)
  expect(await feed.state()).toMatchObject({ sequence: 0n, first: 1n })
  expect(await feed.after(0)).toMatchObject({ kind: 'results', results: [], latest: 0n, hasMore: false })
  expect(await rowsOf(place)).toEqual(new Map([row(1)]))
  expect((await feed.commitAlone([{ op: 'add', after: { id: 2 } }])).sequence).toBe(1n)
  await feed.commitAlone([{ op: 'noop' }])
  const many = [[{ op: 'noop' }], [{ op: 'delete', key: 1 }], [], [{ op: 'delete', key: 2 }]] as const
  expect(await waybill.transaction((tx) => feed.commitMany(tx, many))).toEqual({ advanced: true, sequence: 3n })
})

test('of a ring of 3, after 5 results: what is kept, gaps that say what is, and nothing behind the last', async () => {
  const { feed } = opened({ capacity: 3 })
  for (let id = 1; id <= 5; id += 1) await feed.commitAlone([{ op: 'add', after: { id } }])
  const { incarnation, configHash: hash } = (await feed.state())!
  const place = { incarnation, configHash: hash, latest: 5n }
  for (const requested of [0n, 1n]) {
    expect(await feed.after(requested)).toEqual({ kind: 'gap', reason: 'evicted', requested, earliest: 3n, ...place })
  }
  expect(await feed.after(2)).toMatchObject({ results: [{ sequence: 3n }, { sequence: 4n }, { sequence: 5n }], hasMore: false })
  expect(await feed.after(2, { limit: 2 })).toMatchObject({ results: [{ sequence: 3n }, { sequence: 4n }], hasMore: true })
  for (const after of [5n, 6n, 2n ** 64n - 1n]) {
    expect(await feed.after(after)).toEqual({ kind: 'results', results: [], hasMore: false, ...place })
  }
  expect(await feed.after(5, { incarnation: 'another' })).toMatchObject({ kind: 'gap', reason: 'reset', earliest: 3n })
  await expect(feed.after(-1)).rejects.toMatchObject({ code: 'VALIDATION' })
  await expect(feed.after(0, { limit: 1_001 })).rejects.toMatchObject({ code: 'VALIDATION', details: { field: 'limit' } })
})

describe('a commit is refused, and writes nothing', () => {
  const add: ChangeDraft = { op: 'add', after: { id: 1 } }
  test.each<[string, readonly ChangeDraft[], string]>([
    ['without a value', [{ op: 'update', key: 1 }], 'VALIDATION'],
    ['that deletes a value', [{ op: 'delete', key: 1, after: 1 }], 'VALIDATION'],
    ['of another kind', [{ op: 'upsert' as 'add', key: 1, after: 1 }], 'VALIDATION'],
    ['of which row is not said', [{ op: 'delete' }], 'VALIDATION'],
    ['of a signature beyond u64', [{ op: 'delete', signature: 2n ** 64n }], 'VALIDATION'],
    ['of a value without a JSON form', [{ op: 'add', key: 1, after: 1n }], 'VALIDATION'],
    ['of too many changes', Array.from({ length: 10_001 }, () => add), 'VALIDATION'],
    ['of a value that is too large', [{ op: 'add', key: 1, after: 'x'.repeat(262_144) }], 'PAYLOAD_TOO_LARGE'],
  ])('%s', async (_, changes, code) => {
    const place = opened()
    await place.feed.commitAlone([{ op: 'add', after: { id: 7, total: 1 } }])
    await expect(place.feed.commitAlone([add, ...changes])).rejects.toMatchObject({ code })
    expect([(await place.feed.state())?.sequence, await rowsOf(place)]).toEqual([1n, new Map([row(7)])])
  })

  test('of too many results, and of another configuration', async () => {
    const { feed, waybill } = opened({ config: { query: 'a' } })
    await waybill.transaction(async (tx) => {
      await expect(feed.commitMany(tx, Array.from({ length: 1_001 }, () => [add]))).rejects.toMatchObject({ code: 'VALIDATION' })
      await feed.commit(tx, [add])
    })
    const other = waybill.feed('orders', { key: ({ id }: Order) => id, config: { query: 'b' } })
    await expect(other.commitAlone([add])).rejects.toMatchObject({ code: 'CONFIG_CHANGED', details: { feed: 'orders' } })
    expect((await feed.state())?.sequence).toBe(1n)
  })
})

test('a configuration is not changed by capacity or name, and its hash may stand in its place', async () => {
  const hashes = await Promise.all([{ config: 'q' }, { config: 'q', capacity: 5 }, { configHash: configHash('q') }].map(async (options) => {
    const { feed } = opened(options)
    await feed.commitAlone([{ op: 'add', after: { id: 1 } }])
    return (await feed.state())?.configHash
  }))
  expect(new Set(hashes)).toEqual(new Set([configHash('q')]))
  expect(() => opened({ config: 'q', configHash: 'h' })).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
})
