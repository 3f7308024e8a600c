/** `commitSync`: a feed kept inside a synchronous transaction. */
import { expect, test } from 'vitest'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import type { SqliteHandle } from '../../src/drivers/sqlite.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'

async function setUp() {
  const path = testFile()
  const waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  return { waybill, ...openHandle(path) }
}

const order = (id: number, total = id) => ({ id, total })
const key = ({ id }: { id: number }) => id

test('commitSync makes the feed, and commits with the transaction around it', async () => {
  const { waybill, handle, exec } = await setUp()
  await using _ = waybill
  const feed = waybill.feed('open-orders', { key, capacity: 2 })
  exec('begin immediate')
  expect(feed.commitSync(handle, [{ op: 'add', after: order(1) }])).toEqual({ advanced: true, sequence: 1n })
  expect(await feed.state()).toBeUndefined()
  const results = [[{ op: 'update', after: order(1, 5) }], [{ op: 'noop' }], [{ op: 'add', after: order(2) }]] as const
  expect(feed.commitManySync(handle, results)).toEqual({ advanced: true, sequence: 3n })
  expect(feed.commitSync(handle, [{ op: 'noop' }])).toEqual({ advanced: false, sequence: undefined })
  exec('commit')
  expect(await feed.state()).toMatchObject({ sequence: 3n, first: 2n, capacity: 2 })
  const rows: unknown[] = []
  for await (const { value } of (await feed.snapshot())!.rows) rows.push(value)
  expect(rows).toHaveLength(2)
  expect(rows).toEqual(expect.arrayContaining([order(1, 5), order(2)]))
})

test('rolled back, nothing is there; the same feed goes on with commit', async () => {
  const { waybill, handle, exec } = await setUp()
  await using _ = waybill
  const feed = waybill.feed('open-orders', { key })
  exec('begin immediate')
  feed.commitSync(handle, [{ op: 'add', after: order(1) }])
  exec('rollback')
  expect(await feed.after(0)).toEqual({ kind: 'missing' })
  await waybill.transaction((tx) => feed.commit(tx, [{ op: 'add', after: order(1) }]))
  exec('begin immediate')
  expect(feed.commitSync(handle, [{ op: 'delete', key: 1 }])).toEqual({ advanced: true, sequence: 2n })
  exec('commit')
  expect(await feed.after(0)).toMatchObject({ kind: 'results', latest: 2n })
})

test('commitSync refuses as commit does, and the transaction goes on', async () => {
  const { waybill, handle, exec } = await setUp()
  await using _ = waybill
  const feed = waybill.feed('open-orders', { key, config: 1 })
  const add = [{ op: 'add', after: order(1) }] as const
  expect(() => feed.commitSync(handle, add)).toThrow(expect.objectContaining({ code: 'NOT_IN_TRANSACTION' }))
  expect(() => feed.commitSync(undefined as unknown as SqliteHandle, add))
    .toThrow(expect.objectContaining({ code: 'NOT_IN_TRANSACTION' }))
  exec('begin immediate')
  feed.commitSync(handle, add)
  expect(() => waybill.feed('open-orders', { key, config: 2 }).commitSync(handle, add))
    .toThrow(expect.objectContaining({ code: 'CONFIG_CHANGED' }))
  expect(() => feed.commitSync(handle, [{ op: 'add' }])).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
  exec('commit')
  const before = await feed.state()
  exec('begin immediate')
  waybill.feed('open-orders', { key, config: 2, onConfigChange: 'reset' }).commitSync(handle, add)
  exec('commit')
  const after = await feed.state()
  expect([before?.sequence, after?.sequence]).toEqual([1n, 1n])
  expect(after?.incarnation).not.toBe(before?.incarnation)
})
