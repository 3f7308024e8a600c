import { describe, expect, onTestFinished, test } from 'vitest'
import type { WaybillErrorCode } from '../../src/core/errors.js'
import { createWaybill, type OffsetStore, type Store } from '../../src/index.js'
import { memory, MemoryOffsetStore, SharedOffsets } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import { testFile } from '../stores/sqlite-support.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const offsets = new Map([['order-7', 3n]])

function refused(code: WaybillErrorCode): object {
  return expect.objectContaining({ code })
}

async function saved(store: OffsetStore): Promise<ReadonlyMap<string, bigint>> {
  return store.load()
}

function cases(open: () => Store): void {
  test.each(['table', 'journal'] as const)('waybill.offsets keeps them in a %s, per name and scope', async (kind) => {
    const waybill = createWaybill({ store: open() })
    onTestFinished(() => waybill.close())
    await waybill.migrate()
    const tenant = waybill.scoped('tenant-7')
    const [first, foreign] = [waybill.offsets('mailer', { kind }), tenant.offsets('mailer', { kind })]
    for (const store of [first, foreign]) await store.load()
    await first.save(offsets)
    await foreign.save(new Map([['order-7', 9n]]))
    expect(await saved(waybill.offsets('mailer', { kind }))).toEqual(offsets)
    expect(await saved(waybill.scoped('default').offsets('mailer', { kind }))).toEqual(offsets)
    expect(await saved(tenant.offsets('mailer', { kind }))).toEqual(new Map([['order-7', 9n]]))
    expect(await saved(waybill.offsets('scope:8:tenant-7:mailer', { kind }))).toEqual(new Map())
    await expect(first.save(new Map([['order-7', 4n]]))).rejects.toThrow(refused('STALE_OWNER'))
    expect(() => waybill.offsets('x'.repeat(256), { kind })).toThrow(refused('VALIDATION'))
  })

  test('the two kinds know nothing of each other; closed is closed', async () => {
    const waybill = createWaybill({ store: open() })
    await waybill.migrate()
    const store = waybill.offsets('mailer')
    await store.load()
    await store.save(offsets)
    const inJournal = waybill.offsets('mailer', { kind: 'journal' })
    expect(await saved(inJournal)).toEqual(new Map())
    await waybill.close()
    for (const closed of [store, inJournal]) await expect(closed.load()).rejects.toThrow(refused('CLOSED'))
  })
}

describe('memory', () => cases(() => memory()))
describe('sqlite', () => {
  cases(() => sqlite({ path: testFile() }))

  test('before migrate it says so', async () => {
    const store = sqlite({ path: testFile() })
    onTestFinished(() => store.close())
    await expect(store.offsets?.('mailer').load()).rejects.toThrow(refused('NOT_MIGRATED'))
  })
})
// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('postgres [skipped without a server]', () => {
  cases(() => {
    const schema = freshSchema()
    onTestFinished(() => dropSchema(schema))
    return postgres({ url: postgresUrl ?? '', schema })
  })

  test('before migrate it says so; a server that is away is no empty map', async () => {
    const store = postgres({ url: postgresUrl ?? '', schema: freshSchema() })
    onTestFinished(() => store.close())
    await expect(store.offsets?.('mailer').load()).rejects.toThrow(refused('NOT_MIGRATED'))
    const away = postgres({ url: 'postgres://127.0.0.1:1/none' })
    onTestFinished(() => away.close())
    await expect(away.offsets?.('mailer').load()).rejects.toThrow(refused('STORE_UNAVAILABLE'))
  })
})

test('a store without offsets, or without a journal, says so', async () => {
  const { offsets: _, journal: __, ...rest } = memory()
  const waybill = createWaybill({ store: rest })
  expect(() => waybill.offsets('mailer')).toThrow(refused('CONFIG_INVALID'))
  expect(() => waybill.offsets('mailer', { kind: 'journal' })).toThrow(refused('CONFIG_INVALID'))
})

test('two stores in memory compete where they share, and a snapshot takes nothing over', async () => {
  const shared = new SharedOffsets()
  const [first, second] = [new MemoryOffsetStore(shared), new MemoryOffsetStore(shared)]
  await first.load()
  await first.save(offsets)
  expect(second.snapshot()).toEqual(offsets)
  await first.save(new Map([['order-7', 4n]]))
  expect(await second.load()).toEqual(new Map([['order-7', 4n]]))
  await expect(first.save(new Map([['order-7', 5n]]))).rejects.toThrow(refused('STALE_OWNER'))
  expect(new MemoryOffsetStore().snapshot()).toEqual(new Map())
})
