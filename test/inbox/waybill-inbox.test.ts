/** `waybill.inbox`: as an application has it, with the forms for synchronous transactions. */
import { describe, expect, test } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import type { SqliteHandle } from '../../src/drivers/sqlite.js'
import { memory } from '../../src/memory.js'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'

async function setUp() {
  const path = testFile()
  const waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  const caller = openHandle(path)
  caller.exec('create table applied (id text)')
  const apply = (id: string): void => void caller.query('insert into applied values (?1)', id)
  const applied = (): number => caller.query('select * from applied').length
  return { waybill, ...caller, apply, applied }
}

const codeOf = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return isWaybillError(error) ? error.code : error
  }
}

describe('processSync', () => {
  test('the effect commits with the record, once, and is gone with a rollback', async () => {
    const { waybill, handle, exec, apply, applied } = await setUp()
    await using _ = waybill
    for (const [end, isNew] of [['rollback', true], ['commit', true], ['commit', false]] as const) {
      exec('begin immediate')
      const result = waybill.inbox.processSync(handle, 'billing', 'm-1', (tx) => {
        expect(tx).toBe(handle)
        apply('m-1')
        return 7
      })
      exec(end)
      expect(result).toMatchObject(isNew ? { processed: true, value: 7 } : { processed: false, reason: 'already_processed' })
    }
    expect(applied()).toBe(1)
    expect(await waybill.inbox.wasProcessed('billing', 'm-1')).toBe(true)
    expect(await waybill.scoped('t-1').inbox.wasProcessed('billing', 'm-1')).toBe(false)
  })

  test('a failure takes the record back; a promise is a failure', async () => {
    const { waybill, handle, exec } = await setUp()
    await using _ = waybill
    const reason = new Error('no')
    exec('begin immediate')
    expect(codeOf(() => waybill.inbox.processSync(handle, 'c', 'm-1', () => { throw reason }))).toBe(reason)
    expect(codeOf(() => waybill.inbox.processSync(handle, 'c', 'm-1', () => Promise.resolve()))).toBe('VALIDATION')
    exec('commit')
    expect(await waybill.inbox.wasProcessed('c', 'm-1')).toBe(false)
    expect((await waybill.inbox.processAlone('c', 'm-1', () => undefined)).processed).toBe(true)
  })

  test('refuses what process refuses', async () => {
    const { waybill, handle, exec } = await setUp()
    await using _ = waybill
    const { inbox } = waybill
    const none = (): undefined => undefined
    expect(codeOf(() => inbox.processSync(handle, 'c', 'm', none))).toBe('NOT_IN_TRANSACTION')
    expect(codeOf(() => inbox.processSync(undefined as unknown as SqliteHandle, 'c', 'm', none))).toBe('NOT_IN_TRANSACTION')
    exec('begin immediate')
    expect(codeOf(() => inbox.processSync(handle, '', 'm', none))).toBe('VALIDATION')
    expect(codeOf(() => inbox.processSync(handle, 'c', 'm', 7 as unknown as () => void))).toBe('VALIDATION')
    expect(inbox.processSync(handle, 'c', 'm', none).processed).toBe(true)
    exec('commit')
  })
})

test('a writer that comes in between is TRANSACTION_ABORTED, and the whole transaction runs again', async () => {
  const { waybill, handle, exec } = await setUp()
  await using _ = waybill
  exec('begin')
  exec('select * from applied')
  await waybill.inbox.processAlone('c', 'm-1', () => undefined)
  const error = await waybill.inbox.process(handle, 'c', 'm-1', () => undefined).catch((thrown: unknown) => thrown)
  exec('rollback')
  expect(error).toMatchObject({ code: 'TRANSACTION_ABORTED', retryable: true })
  exec('begin immediate')
  expect(await waybill.inbox.process(handle, 'c', 'm-1', () => undefined)).toMatchObject({ processed: false })
  exec('commit')
})

test('what processAlone enqueues wakes a relay, and commits with the record', async () => {
  const waybill = createWaybill({ store: memory() })
  const draft = { type: 'order.billed', payload: 1 }
  for (let delivery = 0; delivery < 2; delivery += 1) {
    await waybill.inbox.processAlone('billing', 'm-1', (tx) => waybill.outbox.enqueue(tx, draft))
  }
  await expect(waybill.inbox.processAlone('billing', 'm-2', async (tx) => {
    await waybill.outbox.enqueue(tx, draft)
    throw new Error('no')
  })).rejects.toThrow('no')
  expect(await waybill.outbox.list()).toHaveLength(1)
  await waybill.close()
})

test('a store without an inbox is CONFIG_INVALID', () => {
  const { inbox: _, ...store } = memory()
  expect(() => createWaybill({ store }).inbox).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
