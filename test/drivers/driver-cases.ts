/** What enqueue and the inbox promise inside a caller's transaction, the same through every client and ORM. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Driver, SqlExecutor } from '../../src/core/sql.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { postgres } from '../../src/postgres.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import { createWaybill, type Waybill } from '../../src/waybill.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

export interface DriverRig<Handle> {
  readonly driver: Driver<Handle>
  /** Begins, and commits when `work` resolves, else rolls back; as an application does it. */
  transaction<T>(work: (tx: Handle) => Promise<T>): Promise<T>
  /** Runs `work` in a savepoint that is rolled back. */
  undone(tx: Handle, work: (tx: Handle) => Promise<unknown>): Promise<unknown>
  /** A write of the application's own, in the same transaction. */
  run(tx: Handle, text: string): Promise<unknown>
  /** Handles of the same client that are in no transaction, by what they are. */
  readonly refused: Readonly<Record<string, (rig: DriverRig<Handle>) => Promise<Handle> | Handle>>
  close(): Promise<void>
}

type Draft = Partial<OutboxMessageDraft>
type DriverWaybill<Handle> = Waybill<Handle, SqlExecutor, Readonly<Record<never, never>>, false>

/** Ends every kind of quoting, and looks like every kind of placeholder. */
const HOSTILE = `"'; -- $1 ?1 :a \${x} {0} \\ $body$ é`
const QUEUE = { lane: 'orders', target: 'mailer' }
const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const BYTES: readonly (readonly [string, Uint8Array])[] = [
  ['all 256 values', ALL_BYTES],
  ['a part of a larger buffer', Buffer.from([1, ...ALL_BYTES, 2]).subarray(1, 257)],
  ['none', new Uint8Array()],
  ['what looks like an escape', Buffer.from('\\x00\\000\'"{}')],
  ['200,000 bytes', Buffer.alloc(200_000, ALL_BYTES)],
]
const TEXTS = [
  `it's`, '"quoted"', 'back\\slash\\', '$1 $2', '?', ':name', '{a,b}', '{}', 'NULL', 'null', ' spaced ',
  '%s %I', 'tab\tline\nbreak\r', '--', '/* */', ';', '🚚 日本 ‮', '\u0001\u007f', '$body$', "E'\\x41'", '\u{10ffff}',
]

/** `via`: the driver as an option of createWaybill, or taken up later with `using`. */
export function driverCases<Handle>(name: string, open: (url: string) => Promise<DriverRig<Handle>>): void {
  // reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
  describe.skipIf(postgresUrl === null)(`${name} [skipped without a server]`, () => {
    for (const via of ['createWaybill({ driver })', 'waybill.using(driver)'] as const) {
      describe(via, () => cases(() => open(postgresUrl ?? ''), via === 'waybill.using(driver)'))
    }
  })
}

function cases<Handle>(open: () => Promise<DriverRig<Handle>>, using: boolean): void {
  const schema = freshSchema(HOSTILE)
  const orders = `${quoteIdentifier(schema)}.orders`
  let rig: DriverRig<Handle>
  let pool: pg.Pool
  let waybill: DriverWaybill<Handle>

  beforeAll(async () => {
    rig = await open()
    pool = new pg.Pool({ connectionString: postgresUrl ?? '', max: 4 })
    const store = postgres({ pool, schema })
    await store.migrate()
    await pool.query(`create table ${orders} (id text)`)
    waybill = using ? createWaybill({ store }).using(rig.driver)
      : createWaybill({ store, driver: rig.driver })
  })

  afterAll(async () => {
    await rig.close()
    await pool.end()
    await dropSchema(schema)
  })

  beforeEach(() => pool.query(`truncate ${orders}`))

  afterEach(async () => { await drain() })

  async function drain(): Promise<{ id: string; payload: Uint8Array }[]> {
    const claim = await waybill.outbox.claim({ ...QUEUE, consumer: 'worker-1', limit: 1_000 })
    if (claim === null) return []
    await waybill.outbox.settle(claim.token, claim.messages.map(({ id }) => ({ id, kind: 'ack' })))
    return [...claim.messages]
  }

  const draft = (part: Draft = {}): OutboxMessageDraft =>
    ({ ...QUEUE, type: 'order.placed', payload: 1, ...part })
  const put = async (tx: Handle, part: Draft = {}): Promise<string> =>
    (await waybill.outbox.enqueue(tx, draft(part))).id
  const claimed = async (): Promise<string[]> => (await drain()).map(({ id }) => id)
  const ordered = async (): Promise<number> => (await pool.query(`select from ${orders}`)).rowCount ?? 0

  test('what commits is delivered, and is invisible until then', async () => {
    const id = await rig.transaction(async (tx) => {
      await rig.run(tx, `insert into ${orders} values ('o-7')`)
      const made = await put(tx)
      expect(await waybill.outbox.get(made)).toBeUndefined()
      expect(await drain()).toEqual([])
      return made
    })
    expect(await claimed()).toEqual([id])
    expect(await ordered()).toBe(1)
  })

  test('what rolls back was never there', async () => {
    const reason = new Error('the application failed')
    await expect(rig.transaction(async (tx) => {
      await rig.run(tx, `insert into ${orders} values ('o-7')`)
      await put(tx, { dedupeKey: 'k' })
      throw reason
    })).rejects.toBe(reason)
    expect(await drain()).toEqual([])
    expect(await ordered()).toBe(0)
    const other = draft({ dedupeKey: 'k', payload: 2 })
    expect(await rig.transaction((tx) => waybill.outbox.enqueue(tx, other))).toMatchObject({ created: true })
  })

  test('a savepoint that is rolled back takes its messages along, and no others', async () => {
    const ids = await rig.transaction(async (tx) => {
      const before = await put(tx)
      await rig.undone(tx, async (inner) => {
        await put(inner)
        await put(inner, { dedupeKey: 'undone' })
      })
      return [before, await put(tx), await put(tx, { dedupeKey: 'undone', payload: 'another' })]
    })
    expect(await claimed()).toEqual(ids)
  })

  test('a hundred at once, with keys; the same again makes none', async () => {
    const drafts = Array.from({ length: 100 }, (_, n) =>
      draft({ key: `customer-${n % 7}`, dedupeKey: `hundred-${99 - n}`, payload: { n } }))
    const first = await rig.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts))
    expect(first.every(({ created }) => created)).toBe(true)
    const ids = first.map(({ id }) => id)
    expect(ids.toSorted()).toEqual(ids)
    const again = await rig.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts.toReversed()))
    expect(again.map(({ id, created }) => [id, created])).toEqual(ids.toReversed().map((id) => [id, false]))
    expect(again[0]?.message).toMatchObject({ key: 'customer-1', status: 'pending', dedupeKey: 'hundred-0' })
    expect(await claimed()).toEqual(ids)
  })

  test('a CONFLICT leaves the transaction usable and without the batch', async () => {
    await rig.transaction((tx) => put(tx, { dedupeKey: 'taken' }))
    const ids = await rig.transaction(async (tx) => {
      const before = await put(tx)
      const conflict = waybill.outbox.enqueueMany(tx, [
        draft({ dedupeKey: 'free' }), draft(), draft({ dedupeKey: 'taken', payload: 'other' }),
      ])
      await expect(conflict).rejects.toMatchObject({ code: 'CONFLICT', details: { dedupeKey: 'taken' } })
      await rig.run(tx, `insert into ${orders} values ('o-8')`)
      return [before, await put(tx, { dedupeKey: 'free', payload: 'now' })]
    })
    expect((await claimed()).slice(1)).toEqual(ids)
    expect(await ordered()).toBe(1)
  })

  test.each(BYTES)('bytes are delivered as they are: %s', async (kind, payload) => {
    const made = await rig.transaction(async (tx) => [
      await put(tx, { payload }),
      ...(await waybill.outbox.enqueueMany(tx, [draft({ payload }), draft({ payload })])).map(({ id }) => id),
      await put(tx, { payload, dedupeKey: kind }),
    ])
    const messages = await drain()
    expect(messages.map(({ id }) => id)).toEqual(made)
    for (const message of messages) expect(Buffer.compare(message.payload, payload)).toBe(0)
  })

  test('text of any kind is stored as it is, alone and in a batch', async () => {
    const drafts = TEXTS.map((text) => {
      const line = `.${text.replace(/\p{Cc}/gu, '')}.`
      return draft({ type: `t${text}`, key: text, payload: text, headers: { line }, scope: line })
    })
    const batch = await rig.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts))
    const keyed = await rig.transaction((tx) =>
      waybill.outbox.enqueueMany(tx, drafts.map((each) => ({ ...each, dedupeKey: each.key }))))
    const single: string[] = []
    for (const each of drafts) single.push(await rig.transaction((tx) => put(tx, each)))
    for (const ids of [batch.map(({ id }) => id), keyed.map(({ id }) => id), single]) {
      for (const [n, id] of ids.entries()) {
        const { type, key, payload, headers, scope } = drafts[n] ?? draft()
        const message = await waybill.outbox.get(id)
        expect(message).toMatchObject({ type, key, headers, scope })
        expect(JSON.parse(Buffer.from(message?.payload ?? []).toString())).toEqual(payload)
      }
    }
    const repeated = { ...drafts[0]!, dedupeKey: drafts[0]!.key }
    expect(await rig.transaction((tx) => waybill.outbox.enqueue(tx, repeated)))
      .toMatchObject({ created: false, id: keyed[0]?.id })
  })

  test('times are kept to the millisecond, up to the last one there is', async () => {
    const times = [0, 1, 1_700_000_000_123, Number.MAX_SAFE_INTEGER]
    const ids: string[] = []
    await rig.transaction(async (tx) => {
      for (const availableAt of times) ids.push(await put(tx, { availableAt }))
    })
    for (const [n, id] of ids.entries()) {
      expect(await waybill.outbox.get(id)).toMatchObject({ availableAt: times[n] })
    }
    const delayed = await waybill.outbox.get(await rig.transaction((tx) => put(tx, { delayMs: 3_600_000 })))
    expect(delayed?.availableAt).toBe((delayed?.createdAt ?? 0) + 3_600_000)
    expect(delayed).toMatchObject({ maxAttempts: 20, attemptCount: 0 })
  })

  test('a scoped view writes to its scope', async () => {
    const { id } = await rig.transaction((tx) => waybill.scoped('tenant-7').outbox.enqueue(tx, draft()))
    expect(await waybill.outbox.get(id)).toMatchObject({ scope: 'tenant-7' })
    expect(await waybill.scoped('tenant-8').outbox.get(id)).toBeUndefined()
  })

  test('the inbox does a message once, with the caller\'s row, whatever is redelivered', async () => {
    const apply = (tx: Handle, id: string): Promise<unknown> => rig.run(tx, `insert into ${orders} values ('${id}')`)
    const ids = ['o-1', HOSTILE, ...TEXTS.map((text) => `.${text}`)]
    for (const isFirst of [true, false]) {
      for (const onConcurrent of ['wait', 'skip'] as const) {
        const { processed } = await rig.transaction((tx) => waybill.inbox.process(
          tx, HOSTILE, `${onConcurrent} o-7`, () => apply(tx, 'o-7'), { onConcurrent }))
        expect(processed).toBe(isFirst)
      }
      const many = await rig.transaction((tx) => waybill.inbox.processMany(
        tx, HOSTILE, ids.map((id) => ({ id })), () => apply(tx, 'many')))
      expect([many.processed.length, many.skipped.length]).toEqual(isFirst ? [ids.length, 0] : [0, ids.length])
    }
    expect(await ordered()).toBe(3)
    for (const id of ids) expect(await waybill.inbox.wasProcessed(HOSTILE, id)).toBe(true)
  })

  test('what the inbox recorded goes with its transaction, its savepoint, and the failure of its effect', async () => {
    const reason = new Error('the effect failed')
    const { inbox } = waybill.scoped('rolled back')
    await expect(rig.transaction((tx) => inbox.process(tx, 'c', 'm-1', () => { throw reason }))).rejects.toBe(reason)
    const done = await rig.transaction(async (tx) => {
      await rig.undone(tx, (inner) => inbox.process(inner, 'c', 'm-1', () => undefined))
      await inbox.process(tx, 'c', 'm-2', () => { throw reason }).catch(() => undefined)
      return [
        (await inbox.process(tx, 'c', 'm-1', () => undefined)).processed,
        (await inbox.process(tx, 'c', 'm-1', () => undefined)).processed,
      ]
    })
    expect(done).toEqual([true, false])
    expect([await inbox.wasProcessed('c', 'm-1'), await inbox.wasProcessed('c', 'm-2')]).toEqual([true, false])
    for (const [kind, handle] of Object.entries(rig.refused)) {
      await expect(inbox.process(await handle(rig), 'c', 'm-3', () => undefined), kind)
        .rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
    }
  })

  test('a handle that is in no transaction is refused, and nothing is written', async () => {
    const refusal = { code: 'NOT_IN_TRANSACTION', retryable: false }
    for (const [kind, handle] of Object.entries(rig.refused)) {
      await expect(put(await handle(rig)), kind).rejects.toMatchObject(refusal)
    }
    for (const nothing of [undefined, null]) {
      await expect(put(nothing as Handle)).rejects.toMatchObject(refusal)
    }
    expect(await drain()).toEqual([])
  })
}
