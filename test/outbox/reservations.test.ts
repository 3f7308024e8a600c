/** Reservations around transactions, on every store. What a provider does by itself is in its suite: `reserve-*`. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { SqlExecutor } from '../../src/core/sql.js'
import { WaybillError } from '../../src/core/errors.js'
import { memory, memoryReservations } from '../../src/memory.js'
import type { ReservationProvider } from '../../src/outbox/reservation.js'
import type { ReservationOptions } from '../../src/outbox/reservations.js'
import type { Store } from '../../src/store.js'
import { TestClock } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'
import { DRAFT, faulty, idsOf, KEY, waybillOf, type Fault, type Step } from '../support/reservations.js'
import { onEveryStore, type OpenedStore } from '../support/whole-stores.js'

const rolledBack = new Error('rolled back on purpose')

onEveryStore((open) => {
  async function opened(): Promise<OpenedStore['store']> {
    const { store, close } = await open()
    onTestFinished(close)
    return store
  }

  test('what is committed turns repetitions away: its id, CONFLICT for other content, also on another database', async () => {
    const [store, elsewhere, provider] = [await opened(), memory(), memoryReservations()]
    const waybill = waybillOf(store, { provider })
    const { id } = await waybill.transaction((tx) => waybill.outbox.enqueue(tx, DRAFT))
    const other = waybillOf(elsewhere, { provider })
    const draft = (n: number) => ({ ...DRAFT, dedupeKey: `order-${n}` })
    const answers = await other.transaction((tx) => other.outbox.enqueueMany(tx, [draft(6), DRAFT, { ...DRAFT, dedupeKey: undefined }, draft(8)]))
    expect(answers.map(({ created }) => created)).toEqual([true, false, true, true])
    expect(answers[1]).toEqual({ id, created: false, message: undefined })
    expect(await idsOf(elsewhere)).toEqual([answers[0]?.id, answers[2]?.id, answers[3]?.id])
    expect(await other.outbox.enqueueAlone(DRAFT)).toEqual({ id, created: false, message: undefined })
    await other.transaction(async (tx) => {
      await expect(other.outbox.enqueueMany(tx, [draft(9), { ...DRAFT, payload: 'other' }]))
        .rejects.toMatchObject({ code: 'CONFLICT', details: { dedupeKey: 'order-7', existingId: id } })
    })
    // It was reserved in a transaction that committed, and not written: so it is free.
    expect((await other.outbox.enqueueAlone(draft(9))).created).toBe(true)
  })

  test('two services with one provider and the same names are apart by their namespaces', async () => {
    const [store, elsewhere, provider] = [await opened(), memory(), memoryReservations()]
    const [orders, billing] = [waybillOf(store, { provider }), waybillOf(elsewhere, { provider, namespace: 'billing' })]
    await orders.transaction(async (tx) => {
      await orders.outbox.enqueue(tx, DRAFT)
      expect((await billing.outbox.enqueueAlone(DRAFT)).created).toBe(true)
    })
    expect([(await idsOf(store)).length, (await idsOf(elsewhere)).length]).toEqual([1, 1])
  })

  test('while a transaction is open its key is RESERVED to others; rolled back, the key is free', async () => {
    const [store, elsewhere, provider] = [await opened(), memory(), memoryReservations()]
    const [waybill, other] = [waybillOf(store, { provider }), waybillOf(elsewhere, { provider })]
    const failing = waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, DRAFT)
      expect((await waybill.outbox.enqueue(tx, DRAFT)).created).toBe(false)
      await expect(other.outbox.enqueueAlone(DRAFT)).rejects.toMatchObject({ code: 'RESERVED', retryable: true })
      throw rolledBack
    })
    await expect(failing).rejects.toBe(rolledBack)
    expect(await idsOf(elsewhere)).toEqual([])
    expect((await other.outbox.enqueueAlone({ ...DRAFT, payload: 'other' })).created).toBe(true)
    expect(await idsOf(store)).toEqual([])
  })

  test('a message that a savepoint undid is not confirmed, though its transaction commits', async () => {
    const [store, provider] = [await opened(), memoryReservations()]
    // reason: the memory store has no savepoints
    if (store.dialect === 'memory') return
    const waybill = waybillOf(store, { provider })
    await waybill.transaction(async (tx) => {
      const sql = (text: string) => (store.bind(tx) as SqlExecutor).execute({ text, params: [] })
      await sql('savepoint undone')
      await waybill.outbox.enqueue(tx, DRAFT)
      await sql('rollback to savepoint undone')
      await waybill.outbox.enqueue(tx, { ...DRAFT, dedupeKey: 'order-8' })
    })
    const again = await waybill.outbox.enqueueAlone({ ...DRAFT, payload: 'other' })
    expect(again.created).toBe(true)
    expect((await waybill.outbox.list()).map(({ dedupeKey }) => dedupeKey)).toEqual(['order-8', 'order-7'])
    expect(await waybill.outbox.enqueueAlone({ ...DRAFT, dedupeKey: 'order-8' })).toMatchObject({ created: false, message: undefined })
  })

  test.each(['before', 'after'] as const)('a commit whose reply is lost %s it took effect: the row in the database decides', async (moment) => {
    const [store, elsewhere, clock] = [await opened(), memory(), new TestClock()]
    const provider = memoryReservations({ now: clock.now })
    const lost = new Error('the connection is gone')
    const failing: Store = {
      ...store,
      async transaction(work) {
        await store.transaction(async (tx) => {
          await work(tx)
          if (moment === 'before') throw lost
        })
        throw lost
      },
    }
    const [waybill, other] = [waybillOf(failing, { provider }), waybillOf(elsewhere, { provider })]
    await expect(waybill.transaction((tx) => waybill.outbox.enqueue(tx, DRAFT))).rejects.toBe(lost)
    // Another database learns of it, or waits.
    if (moment === 'after') expect((await other.outbox.enqueueAlone(DRAFT)).created).toBe(false)
    else await expect(other.outbox.enqueueAlone(DRAFT)).rejects.toMatchObject({ code: 'RESERVED' })
    clock.advance(60_000)
    const again = await waybill.outbox.enqueueAlone(DRAFT)
    expect(again.created).toBe(moment === 'before')
    expect([await idsOf(store), await idsOf(elsewhere)]).toEqual([[again.id], []])
  })

  test('a transaction that is aborted at its commit leaves its keys free, so it can be run again at once', async () => {
    const [store, provider] = [await opened(), memoryReservations()]
    let aborted = 0
    const failing: Store = {
      ...store,
      transaction: (work) => store.transaction(async (tx) => {
        const result = await work(tx)
        aborted += 1
        if (aborted === 1) throw new WaybillError('TRANSACTION_ABORTED', 'run it again', { retryable: true })
        return result
      }),
    }
    const waybill = waybillOf(failing, { provider })
    const run = () => waybill.transaction((tx) => waybill.outbox.enqueue(tx, DRAFT))
    await expect(run()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    expect((await run()).created).toBe(true)
  })

  test('a hold that ran out while its transaction is open: two owners, one message', async () => {
    const store = await opened()
    const clock = new TestClock()
    const provider = memoryReservations({ now: clock.now })
    const [waybill, other] = [waybillOf(store, { provider }), waybillOf(store, { provider })]
    let second: Promise<{ created: boolean }> | undefined
    await waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, DRAFT)
      clock.advance(60_000)
      second = other.outbox.enqueueAlone(DRAFT)
      // Its transaction begins, or waits for this one, as the store has it.
      second.catch(() => undefined)
    })
    expect((await second)?.created).toBe(false)
    expect(await idsOf(store)).toHaveLength(1)
    expect(await other.outbox.enqueueAlone(DRAFT)).toMatchObject({ created: false, message: undefined })
  })

  test.each(['refused', 'after it took effect', 'hangs'] as const)('a provider whose reserve %s, by policy', async (fault) => {
    const store = await opened()
    const faults: Partial<Record<Step, Fault>> = { reserve: fault }
    const told: string[] = []
    const clock = new TestClock()
    const inner = memoryReservations({ now: clock.now })
    const options = {
      provider: faulty(inner, faults), timeoutMs: 20,
      onError: (_: unknown, step: string) => { told.push(step); throw new Error('the log is full') },
    }
    const closed = waybillOf(store, { ...options, onUnavailable: 'fail-closed' })
    await closed.transaction(async (tx) => {
      await expect(closed.outbox.enqueue(tx, DRAFT)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', retryable: true })
      await closed.outbox.enqueue(tx, { type: 'without.key', payload: 1 })
    })
    expect(await idsOf(store)).toHaveLength(1)
    // What took effect all the same was freed with its transaction.
    expect(await inner.reserve(KEY, { owner: 'X', ttlMs: 1_000 })).toEqual({ kind: 'reserved' })
    await inner.release(KEY, 'X')
    const opening = waybillOf(store, { ...options, onUnavailable: 'fail-open' })
    expect((await opening.outbox.enqueueAlone(DRAFT)).created).toBe(true)
    expect(told).toEqual(['reserve', 'reserve'])
    expect((await opening.outbox.enqueueAlone(DRAFT)).created).toBe(false)
    delete faults.reserve
    // What took effect is held for now.
    clock.advance(60_000)
    expect((await closed.outbox.enqueueAlone(DRAFT)).created).toBe(false)
    expect(await idsOf(store)).toHaveLength(2)
  })

  test('under fail-open, one failure is asked for once: no more in its transaction, nor in others for five seconds', async () => {
    const [store, inner] = [await opened(), memoryReservations()]
    const faults: Partial<Record<Step, Fault>> = { reserve: 'hangs', confirm: 'hangs', release: 'hangs' }
    const hanging = faulty(inner, faults)
    let asked = 0
    const provider: ReservationProvider = {
      reserve: (key, hold) => { asked += 1; return hanging.reserve(key, hold) },
      confirm: (key, message) => { asked += 1; return hanging.confirm(key, message) },
      release: (key, owner) => { asked += 1; return hanging.release(key, owner) },
    }
    const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
    onTestFinished(() => now.mockRestore())
    const waybill = waybillOf(store, { provider, timeoutMs: 20, onUnavailable: 'fail-open' })
    const enqueue = (n: number) => waybill.outbox.enqueueAlone({ ...DRAFT, dedupeKey: `order-${n}` })
    await waybill.transaction(async (tx) => {
      for (const n of [1, 2, 3]) await waybill.outbox.enqueue(tx, { ...DRAFT, dedupeKey: `order-${n}` })
    })
    await enqueue(4)
    now.mockReturnValue(5_999)
    await enqueue(5)
    expect([asked, (await idsOf(store)).length]).toEqual([1, 5])
    for (const step of ['reserve', 'confirm', 'release'] as const) delete faults[step]
    now.mockReturnValue(6_000)
    await enqueue(6)
    expect(asked).toBe(3)
    expect(await inner.reserve({ ...KEY, dedupeKey: 'order-6' }, { owner: 'X', ttlMs: 1 })).toMatchObject({ kind: 'confirmed' })
  })

  test.each(['refused', 'after it took effect', 'hangs'] as const)('a confirm or release that %s changes no outcome', async (fault) => {
    const store = await opened()
    const told: string[] = []
    const clock = new TestClock()
    const provider = faulty(memoryReservations({ now: clock.now }), { confirm: fault, release: fault })
    const waybill = waybillOf(store, { provider, timeoutMs: 20, onError: (_, step) => told.push(step) })
    const { id } = await waybill.outbox.enqueueAlone(DRAFT)
    await expect(waybill.transaction(async (tx) => {
      await waybill.outbox.enqueue(tx, { ...DRAFT, dedupeKey: 'order-8' })
      throw rolledBack
    })).rejects.toBe(rolledBack)
    expect(told).toEqual(['confirm', 'release'])
    expect(await idsOf(store)).toEqual([id])
    clock.advance(60_000)
    expect(await waybill.outbox.enqueueAlone(DRAFT)).toMatchObject({ id, created: false })
    expect((await waybill.outbox.enqueueAlone({ ...DRAFT, dedupeKey: 'order-8' })).created).toBe(true)
  })

  test.each(['refuses', 'hangs'])('a database that %s to tell what it has: the key is held until it runs out, and never confirmed', async (fault) => {
    const store = await opened()
    const clock = new TestClock()
    const told: unknown[] = []
    const get = async (): Promise<never> => {
      if (fault === 'hangs') return new Promise<never>(() => undefined)
      throw new Error('no connection left')
    }
    const blind = { ...store, outbox: new Proxy(store.outbox, { get: (outbox, name) => {
      const value: unknown = name === 'get' ? get : Reflect.get(outbox, name)
      return typeof value === 'function' ? value.bind(outbox) as unknown : value
    } }) }
    const waybill = waybillOf(blind, {
      provider: memoryReservations({ now: clock.now }), onError: (error, step) => told.push([String(error), step]),
      timeoutMs: fault === 'hangs' ? 20 : undefined,
    })
    await waybill.transaction((tx) => waybill.outbox.enqueue(tx, DRAFT))
    expect(told).toEqual([[expect.stringContaining(fault === 'hangs' ? 'no answer in 20 ms' : 'no connection left'), 'confirm']])
    await expect(waybill.outbox.enqueueAlone(DRAFT)).rejects.toMatchObject({ code: 'RESERVED' })
    clock.advance(60_000)
    expect((await waybill.outbox.enqueueAlone(DRAFT)).created).toBe(false)
    expect(await idsOf(store)).toHaveLength(1)
  })

  test('a transaction that others began takes no keys, and says why; nor do synchronous calls', async () => {
    const store = await opened()
    const waybill = waybillOf(store, { provider: memoryReservations() })
    await store.transaction(async (tx) => {
      await expect(waybill.outbox.enqueue(tx, DRAFT)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await waybill.outbox.enqueue(tx, { type: 'without.key', payload: 1 })
      if (!('enqueueSync' in waybill.outbox)) return
      const { enqueueSync } = waybill.outbox as { enqueueSync: (tx: unknown, draft: object) => unknown }
      expect(() => enqueueSync.call(waybill.outbox, tx, DRAFT)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    })
    expect(await idsOf(store)).toHaveLength(1)
  })

  test('each scope has its own; keys of the journal\'s messages are not reserved', async () => {
    const [store, provider] = [await opened(), memoryReservations()]
    const waybill = waybillOf(store, { provider })
    for (const view of [waybill, waybill.scoped('tenant-7')]) {
      expect((await view.transaction((tx) => view.outbox.enqueue(tx, DRAFT))).created).toBe(true)
      expect((await view.outbox.enqueueAlone(DRAFT))).toMatchObject({ created: false, message: undefined })
    }
    const refusing = waybillOf(store, { provider: faulty(provider, { reserve: 'refused' }) })
    const outbox = { lane: 'orders', target: 'mailer' }
    await refusing.transaction((tx) => refusing.journal.append(tx, [{ stream: 's', type: 'a', payload: 1 }], { outbox }))
    expect(await idsOf(store)).toHaveLength(3)
  })
})

describe('options', () => {
  const step = async (): Promise<void> => undefined
  const good = { namespace: 'orders', provider: memoryReservations(), onUnavailable: 'fail-open' }
  test.each([
    ['provider', { provider: undefined }], ['provider', { provider: {} }],
    ['provider', { provider: { reserve: step, confirm: step } }],
    ['provider', { provider: { reserve: step, release: step } }],
    ['timeoutMs', { ttlMs: 100, timeoutMs: 101 }], ['onError', { onError: 'log' }],
    ['namespace', { namespace: undefined }], ['namespace', { namespace: ' ' }], ['namespace', { namespace: 'é'.repeat(128) }],
    ['onUnavailable', { onUnavailable: undefined }], ['onUnavailable', { onUnavailable: 'open' }],
    ['ttlMs', { ttlMs: 99 }], ['ttlMs', { ttlMs: 86_400_001 }], ['keepMs', { keepMs: 999 }],
    ['timeoutMs', { timeoutMs: 0 }], ['timeoutMs', { timeoutMs: 60_001 }],
  ])('%s of %j is refused', (field, wrong) => {
    const reservations = { ...good, ...wrong } as unknown as ReservationOptions
    expect(() => createWaybill({ store: memory(), reservations }))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field: `reservations.${field}` }) }))
  })

  test('a provider that answers what is no answer has failed', async () => {
    const provider = { ...faulty(memoryReservations(), {}), reserve: async () => ({ kind: 'free' }) } as unknown as ReservationProvider
    await expect(waybillOf(memory(), { provider }).outbox.enqueueAlone(DRAFT)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  })

  test('where delivered messages are not kept, one that is gone before it is looked for keeps its key until that runs out', async () => {
    const [store, clock] = [memory({ retainDeliveredMs: 0 }), new TestClock()]
    const provider = memoryReservations({ now: clock.now })
    const relay = createWaybill({ store }).relay({ handlers: { default: () => undefined } })
    const get = store.outbox.get.bind(store.outbox)
    store.outbox.get = async (...request) => {
      await relay.drain()
      return get(...request)
    }
    const [waybill, other] = [waybillOf(store, { provider }), waybillOf(memory(), { provider })]
    expect((await waybill.outbox.enqueueAlone(DRAFT)).created).toBe(true)
    await expect(other.outbox.enqueueAlone(DRAFT)).rejects.toMatchObject({ code: 'RESERVED' })
    clock.advance(60_000)
    expect((await waybill.outbox.enqueueAlone(DRAFT)).created).toBe(false)
  })

  test('a batch of 1,000 keys asks for a hundred at once', async () => {
    let [open, most] = [0, 0]
    const inner = memoryReservations()
    const provider: ReservationProvider = {
      ...faulty(inner, {}),
      async reserve(key, hold) {
        open += 1
        most = Math.max(most, open)
        await new Promise(setImmediate)
        open -= 1
        return inner.reserve(key, hold)
      },
    }
    const waybill = waybillOf(memory(), { provider, timeoutMs: 60_000 })
    const drafts = Array.from({ length: 1_000 }, (_, n) => ({ ...DRAFT, dedupeKey: `order-${n}` }))
    await waybill.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts))
    expect(most).toBe(100)
    const again = await waybill.transaction((tx) => waybill.outbox.enqueueMany(tx, drafts))
    expect(again.every(({ created, message }) => !created && message === undefined)).toBe(true)
  })
})
