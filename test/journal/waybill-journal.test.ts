/** The journal as an application has it: from `createWaybill`, in the transactions of its store or driver. */
import { expect, test } from 'vitest'
import { sqliteEngine } from '../../src/drivers/sqlite.js'
import { memory } from '../../src/memory.js'
import { sqlite, type SqliteHandle } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'

const PLACED = { stream: 'order-7', type: 'order.placed', payload: { total: 12 } }

test('an append and the application\'s own writes share one transaction', async () => {
  await using waybill = createWaybill({ store: memory() })
  await waybill.transaction((tx) => waybill.journal.append(tx, [PLACED]))
  await expect(waybill.transaction(async (tx) => {
    await waybill.journal.append(tx, [PLACED])
    throw new Error('undone')
  })).rejects.toThrow('undone')
  const [event] = await waybill.journal.read('order-7')
  expect(waybill.journal.decode(event!)).toEqual({ total: 12 })
  expect(await waybill.journal.highestSequence('order-7')).toBe(1n)
})

test('what is not of the codec is decoded as the bytes it is', async () => {
  await using waybill = createWaybill({ store: memory() })
  await waybill.journal.appendAlone([{ ...PLACED, payload: Buffer.from('{}'), contentType: 'text/plain' }])
  const [event] = await waybill.journal.read('order-7')
  expect(waybill.journal.decode(event!)).toBe(event!.payload)
})

test('a scoped view appends and reads its scope, in the messages it enqueues as well', async () => {
  await using waybill = createWaybill({ store: memory() })
  const tenant = waybill.scoped('tenant-7')
  await tenant.journal.appendAlone([PLACED], { outbox: { lane: 'orders' } })
  expect(await waybill.journal.read('order-7')).toEqual([])
  expect(await tenant.journal.read('order-7')).toHaveLength(1)
  expect(await waybill.outbox.list()).toMatchObject([{ scope: 'tenant-7', lane: 'orders', key: 'order-7' }])
})

test.each(['in a transaction', 'alone'])('an append %s wakes the relay of its messages', async (how) => {
  await using waybill = createWaybill({ store: memory() })
  let delivered = (_type: string): void => undefined
  const delivery = new Promise<string>((resolve) => { delivered = resolve })
  const relay = waybill.relay({ lane: 'orders', handlers: { default: ({ type }) => delivered(type) }, pollMaxMs: 60_000 })
  const claim = waybill.outbox.store.claim.bind(waybill.outbox.store)
  const looked = new Promise<void>((resolve) => {
    waybill.outbox.store.claim = async (request) => {
      const answer = await claim(request)
      resolve()
      return answer
    }
  })
  await relay.start()
  await looked
  const options = { outbox: { lane: 'orders' } }
  if (how === 'alone') await waybill.journal.appendAlone([PLACED], options)
  else await waybill.transaction((tx) => waybill.journal.append(tx, [PLACED], options))
  expect(await delivery).toBe('order.placed')
  await relay.stop()
})

test('a store without a journal is a store, until its journal is asked for', async () => {
  const { journal: _, ...rest } = memory()
  const store: Store = { ...rest, name: 'third party' }
  await using waybill = createWaybill({ store })
  await waybill.outbox.enqueueAlone({ type: 't', payload: 1 })
  expect(() => waybill.journal).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})

test('appendSync appends inside a synchronous transaction, with its messages', async () => {
  const path = testFile()
  await using waybill = createWaybill({ store: sqlite({ path, engine: sqliteEngine().name as 'libsql' }) })
  await waybill.migrate()
  const { handle, exec } = openHandle(path)
  exec('begin immediate')
  const first = waybill.journal.appendSync(handle, [PLACED, PLACED], { idempotencyKey: 'k', outbox: {} })
  const again = waybill.scoped('default').journal.appendSync(handle, [PLACED, PLACED], { idempotencyKey: 'k', outbox: {} })
  exec('commit')
  expect(first).toMatchObject({ created: true, events: [{ sequence: 1n }, { sequence: 2n }] })
  expect(again).toEqual({ created: false, events: first.events })
  expect(await waybill.journal.read('order-7')).toHaveLength(2)
  expect(await waybill.outbox.list()).toHaveLength(2)
  expect(() => waybill.journal.appendSync(handle, [PLACED]))
    .toThrow(expect.objectContaining({ code: 'NOT_IN_TRANSACTION' }))
  expect(() => waybill.journal.appendSync(undefined as unknown as SqliteHandle, [PLACED]))
    .toThrow(expect.objectContaining({ code: 'NOT_IN_TRANSACTION' }))
})

test('appendSync refuses as append does, and the transaction goes on', async () => {
  const path = testFile()
  await using waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  const { handle, exec } = openHandle(path)
  exec('begin immediate')
  expect(() => waybill.journal.appendSync(handle, [PLACED], { expectedSequence: 3 }))
    .toThrow(expect.objectContaining({ code: 'SEQUENCE_CONFLICT' }))
  waybill.journal.appendSync(handle, [PLACED], { expectedSequence: 0 })
  exec('commit')
  expect(await waybill.journal.highestSequence('order-7')).toBe(1n)
})
