/** The processor over the memory store's heaps: what it hands on, when it ticks, and how it ends. */
import { describe, expect, test } from 'vitest'
import type { DlqHeap, HeapEntry } from '../../src/deadletters/heap.js'
import {
  CLASSIC_DLQ_INTERVAL_MS, CLASSIC_DLQ_THRESHOLD, DlqProcessor, type DlqProcessorOptions,
} from '../../src/deadletters/processor.js'
import type { StoredHeap } from '../../src/deadletters/stored-heap.js'
import { memory } from '../../src/memory.js'
import { TestClock } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'
import { threeMethods } from '../support/three-methods.js'

const LEASE_MS = 60_000

function opened(): { clock: TestClock; heap: StoredHeap } {
  const clock = new TestClock()
  const waybill = createWaybill({ store: memory({ now: clock.now }) })
  return { clock, heap: waybill.heap('mailer', { drainLeaseMs: LEASE_MS }) }
}

async function fail(heap: DlqHeap, id: string, times: number, error?: string): Promise<void> {
  for (let n = 0; n < times; n += 1) await heap.recordFailure(id, error)
}

/** Says that all is dealt with, and keeps what it was given. */
function keeper(): { given: (readonly HeapEntry[])[]; quarantine: DlqProcessorOptions['quarantine'] } {
  const given: (readonly HeapEntry[])[] = []
  return {
    given,
    quarantine: async (entries) => {
      given.push(entries)
      return entries.map(({ id }) => id)
    },
  }
}

/** Pauses that last until they are told to end, or cut short. */
class Pauses {
  readonly asked: number[] = []
  #end = (): void => undefined
  #begun = (): void => undefined
  #next = new Promise<void>((resolve) => { this.#begun = resolve })

  readonly pause = (ms: number, signal?: AbortSignal): Promise<void> => new Promise((resolve) => {
    this.asked.push(ms)
    this.#end = resolve
    if (signal?.aborted === true) resolve()
    else signal?.addEventListener('abort', () => resolve(), { once: true })
    this.#begun()
    this.#next = new Promise((begun) => { this.#begun = begun })
  })

  /** Ends the pause; resolves when the next one has begun. */
  async over(): Promise<void> {
    const next = this.#next
    this.#end()
    await next
  }

  first(): Promise<void> {
    return this.asked.length > 0 ? Promise.resolve() : this.#next
  }
}

/** Resolves and is resolved from outside. */
function gate<T = void>(): { readonly promise: Promise<T>; open(value: T): void } {
  let open = (_value: T): void => undefined
  const promise = new Promise<T>((resolve) => { open = resolve })
  return { promise, open: (value) => open(value) }
}

function refused(field: string): unknown {
  return expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) as unknown })
}

describe('options', () => {
  const { quarantine } = keeper()
  const { heap } = opened()

  const bad: readonly (readonly [field: string, options: unknown])[] = [
    ['heap', undefined], ['heap', { quarantine }], ['heap', { heap: null, quarantine }],
    ['heap', { heap: { recordFailure() {}, recordSuccess() {} }, quarantine }], ['quarantine', { heap }],
    ['quarantine', { heap, quarantine: 'move' }],
    ...[0, -1, 1.5, NaN, 2 ** 31, '10'].map((threshold): [string, unknown] => ['threshold', { heap, quarantine, threshold }]),
    ...[0, -1, 1.5, NaN, 2 ** 31, Infinity].map((intervalMs): [string, unknown] => ['intervalMs', { heap, quarantine, intervalMs }]),
  ]

  test.each(bad)('%s is refused by name in %j', (field, options) => {
    expect(() => new DlqProcessor(options as never)).toThrow(refused(field))
  })

  test('the defaults are ten failures and five minutes', async () => {
    const { given, quarantine: keep } = keeper()
    const pauses = new Pauses()
    const { heap: own } = opened()
    await fail(own, 'nine', 9)
    await fail(own, 'ten', 10)
    await using processor = new DlqProcessor({ heap: own, quarantine: keep, time: pauses })
    await processor.start()
    await pauses.first()
    expect([CLASSIC_DLQ_THRESHOLD, CLASSIC_DLQ_INTERVAL_MS]).toEqual([10, 300_000])
    expect(given.flat().map(({ id }) => id)).toEqual(['ten'])
    expect(pauses.asked).toEqual([300_000])
  })

  test('are copied: what becomes of the object later changes nothing', async () => {
    const { given, quarantine: keep } = keeper()
    const { heap: own } = opened()
    await fail(own, 'a', 3)
    const options = { heap: own, quarantine: keep, threshold: 3 }
    const processor = new DlqProcessor(options)
    Object.assign(options, { heap: opened().heap, quarantine: () => Promise.reject(new Error('another')), threshold: 9 })
    expect(await processor.runOnce()).toEqual({ drained: 1, handled: 1 })
    expect(given).toHaveLength(1)
  })
})

describe('a tick', () => {
  test('hands on what has failed often enough, as it is, and confirms it', async () => {
    const { heap, clock } = opened()
    const { given, quarantine } = keeper()
    await fail(heap, 'a', 4, 'refused')
    await fail(heap, 'b', 2)
    const processor = new DlqProcessor({ heap, quarantine, threshold: 3 })
    expect(await processor.runOnce()).toEqual({ drained: 1, handled: 1 })
    expect(given).toEqual([[{ id: 'a', failures: 4, lastError: 'refused' }]])
    clock.advance(LEASE_MS)
    expect(await heap.drainExceeded(1)).toEqual([{ id: 'b', failures: 2 }])
  })

  test('with nothing over the threshold does not ask for a quarantine', async () => {
    const { heap } = opened()
    const { given, quarantine } = keeper()
    await fail(heap, 'a', 9)
    expect(await new DlqProcessor({ heap, quarantine }).runOnce()).toEqual({ drained: 0, handled: 0 })
    expect(given).toEqual([])
  })

  test('goes on until nothing is left, in portions', async () => {
    const { heap } = opened()
    const { given, quarantine } = keeper()
    for (let n = 0; n < 2_500; n += 1) await heap.recordFailure(`id ${n}`)
    const processor = new DlqProcessor({ heap, quarantine, threshold: 1 })
    expect(await processor.runOnce()).toEqual({ drained: 2_500, handled: 2_500 })
    expect(given.map(({ length }) => length)).toEqual([1_000, 1_000, 500])
  })

  test('does not hide more when nothing was dealt with, and bears a heap that never empties', async () => {
    const { heap } = opened()
    for (let n = 0; n < 1_500; n += 1) await heap.recordFailure(`id ${n}`)
    const idle = new DlqProcessor({ heap, quarantine: async () => [], threshold: 1 })
    expect(await idle.runOnce()).toEqual({ drained: 1_000, handled: 0 })
    const { quarantine } = keeper()
    const stubborn = { ...threeMethods(heap), drainExceeded: async () => [{ id: 'a', failures: 10 }] }
    expect(await new DlqProcessor({ heap: stubborn, quarantine }).runOnce()).toEqual({ drained: 100, handled: 100 })
  })

  test('confirms what was drained and answered, each once; the rest comes back', async () => {
    const { heap, clock } = opened()
    for (const id of ['a', 'b', 'c']) await fail(heap, id, 10)
    await fail(heap, 'other', 1)
    const confirmed: (readonly string[])[] = []
    const watched: DlqHeap = {
      ...threeMethods(heap), drainExceeded: (threshold) => heap.drainExceeded(threshold),
      async confirmDrained(ids) {
        confirmed.push(ids)
        await heap.confirmDrained(ids)
      },
    }
    const processor = new DlqProcessor({ heap: watched, quarantine: async () => ['c', 'a', 'c', 'other', 'unknown'] })
    expect(await processor.runOnce()).toEqual({ drained: 3, handled: 2 })
    expect(confirmed).toEqual([['a', 'c']])
    clock.advance(LEASE_MS)
    expect((await heap.drainExceeded(1)).map(({ id }) => id)).toEqual(['b', 'other'])
  })

  test('what fails again while it is quarantined stays, with what is new alone', async () => {
    const { heap } = opened()
    await fail(heap, 'a', 10)
    const quarantine = async (): Promise<readonly string[]> => {
      await fail(heap, 'a', 2)
      return ['a']
    }
    expect(await new DlqProcessor({ heap, quarantine }).runOnce()).toEqual({ drained: 1, handled: 1 })
    expect(await heap.drainExceeded(1)).toEqual([{ id: 'a', failures: 2 }])
  })

  test('two processors on one heap: each entry is given to one of them', async () => {
    const { heap } = opened()
    const { given, quarantine } = keeper()
    for (let n = 0; n < 1_200; n += 1) await heap.recordFailure(`id ${n}`)
    const ticks = [1, 2].map(() => new DlqProcessor({ heap, quarantine, threshold: 1 }).runOnce())
    expect((await Promise.all(ticks)).reduce((sum, { handled }) => sum + handled, 0)).toBe(1_200)
    expect(new Set(given.flat().map(({ id }) => id)).size).toBe(1_200)
  })
})

describe('when something fails', () => {
  test('the quarantine: runOnce rejects, and the entries come back with the lease, as they were', async () => {
    const { heap, clock } = opened()
    await fail(heap, 'a', 11, 'refused')
    const { given, quarantine: keep } = keeper()
    let isDown = true
    const quarantine: DlqProcessorOptions['quarantine'] = (entries, context) => (
      isDown ? Promise.reject(new Error('database is down')) : keep(entries, context))
    const processor = new DlqProcessor({ heap, quarantine })
    await expect(processor.runOnce()).rejects.toThrow('database is down')
    isDown = false
    expect(await processor.runOnce()).toEqual({ drained: 0, handled: 0 })
    clock.advance(LEASE_MS)
    expect(await processor.runOnce()).toEqual({ drained: 1, handled: 1 })
    expect(given).toEqual([[{ id: 'a', failures: 11, lastError: 'refused' }]])
    expect(processor.counters()).toEqual({ ticks: 3, failedTicks: 1, drained: 2, handled: 1 })
  })

  test('with a heap of three methods: the count is lost, what fails on is quarantined later', async () => {
    const { heap } = opened()
    const three = threeMethods(heap)
    const { given, quarantine: keep } = keeper()
    await fail(three, 'a', 10)
    const failing = new DlqProcessor({ heap: three, quarantine: () => Promise.reject(new Error('down')) })
    await expect(failing.runOnce()).rejects.toThrow('down')
    const processor = new DlqProcessor({ heap: three, quarantine: keep })
    await fail(three, 'a', 9)
    expect(await processor.runOnce()).toEqual({ drained: 0, handled: 0 })
    await fail(three, 'a', 1)
    expect(await processor.runOnce()).toEqual({ drained: 1, handled: 1 })
    expect(given).toEqual([[{ id: 'a', failures: 10 }]])
  })

  test.each([undefined, 'a', { a: true }, 1])('an answer that is no list, %j, confirms nothing', async (answer) => {
    const { heap, clock } = opened()
    await fail(heap, 'a', 10)
    const processor = new DlqProcessor({ heap, quarantine: async () => answer as never })
    await expect(processor.runOnce()).rejects.toMatchObject({ code: 'VALIDATION', details: { field: 'quarantine' } })
    clock.advance(LEASE_MS)
    expect(await heap.drainExceeded(10)).toHaveLength(1)
  })

  test('drain, quarantine, confirmation or the listener: it is told, and the next tick comes', async () => {
    const { heap, clock } = opened()
    await fail(heap, 'a', 10)
    const pauses = new Pauses()
    const { given, quarantine: keep } = keeper()
    const faults = ['drain', 'quarantine', 'confirm']
    const failsAt = (step: string): void => {
      if (faults[0] === step) throw new Error(faults.shift())
    }
    const faulty: DlqHeap = {
      ...threeMethods(heap),
      async drainExceeded(threshold) {
        failsAt('drain')
        return heap.drainExceeded(threshold)
      },
      async confirmDrained(ids) {
        failsAt('confirm')
        await heap.confirmDrained(ids)
      },
    }
    const told: string[] = []
    await using processor = new DlqProcessor({
      heap: faulty, time: pauses,
      async quarantine(entries, context) {
        failsAt('quarantine')
        return keep(entries, context)
      },
      onError(error) {
        told.push((error as Error).message)
        if (told.length === 1) throw new Error('of the listener')
        return Promise.reject(new Error('of the listener'))
      },
    })
    await processor.start()
    await pauses.first()
    for (let tick = 0; tick < 4; tick += 1) {
      clock.advance(LEASE_MS)
      await pauses.over()
    }
    expect(told).toEqual(['drain', 'quarantine', 'confirm'])
    // Quarantined once more, because the confirmation had failed.
    expect(given).toEqual(Array(2).fill([{ id: 'a', failures: 10 }]))
    expect(processor.counters()).toEqual({ ticks: 5, failedTicks: 3, drained: 3, handled: 1 })
  })
})

describe('time and end', () => {
  test('the first tick is at once, each other an interval after the one before, and none beside another', async () => {
    const { heap } = opened()
    const pauses = new Pauses()
    const [begun, goOn] = [gate(), gate()]
    let running = 0
    let most = 0
    const slow: DlqHeap = {
      ...threeMethods(heap),
      async drainExceeded() {
        running += 1
        most = Math.max(most, running)
        begun.open()
        await goOn.promise
        running -= 1
        return []
      },
    }
    await using processor = new DlqProcessor({ heap: slow, intervalMs: 7, quarantine: keeper().quarantine, time: pauses })
    await processor.start()
    await processor.start()
    await begun.promise
    expect(pauses.asked).toEqual([])
    goOn.open()
    await pauses.first()
    await pauses.over()
    await pauses.over()
    expect(pauses.asked).toEqual([7, 7, 7])
    expect([most, processor.counters().ticks]).toEqual([1, 3])
    await expect(processor.runOnce()).rejects.toMatchObject({ code: 'VALIDATION', details: { field: 'runOnce' } })
  })

  test('a stop cuts the pause short, and nothing ticks afterwards', async () => {
    const { heap } = opened()
    const processor = new DlqProcessor({ heap, quarantine: keeper().quarantine, intervalMs: 2 ** 31 - 1 })
    await processor.start()
    expect(await processor.stop()).toEqual({ abandoned: false })
    expect(await processor.stop()).toEqual({ abandoned: false })
    expect(processor.counters().ticks).toBeLessThanOrEqual(1)
    await expect(processor.start()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(processor.runOnce()).rejects.toMatchObject({ code: 'CLOSED' })
    await expect(processor.stop({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'VALIDATION' })
  })

  test('a stop before the first tick: there is none, and nothing to tell', async () => {
    const { heap } = opened()
    const told: unknown[] = []
    const { quarantine } = keeper()
    const processor = new DlqProcessor({ heap, quarantine, onError: (error) => told.push(error) })
    void processor.start()
    expect(await processor.stop()).toEqual({ abandoned: false })
    expect([processor.counters().ticks, told]).toEqual([0, []])
  })

  test('a stop waits for the tick under way, whose entries are dealt with; no other portion is begun', async () => {
    const { heap, clock } = opened()
    for (let n = 0; n < 1_001; n += 1) await heap.recordFailure(`id ${n}`)
    const [asked, answer] = [gate(), gate()]
    const processor = new DlqProcessor({
      heap, threshold: 1,
      async quarantine(entries) {
        asked.open()
        await answer.promise
        return entries.map(({ id }) => id)
      },
    })
    await processor.start()
    await asked.promise
    const stopped = processor.stop()
    answer.open()
    expect(await stopped).toEqual({ abandoned: false })
    expect(processor.counters()).toMatchObject({ drained: 1_000, handled: 1_000 })
    clock.advance(LEASE_MS)
    expect(await heap.drainExceeded(1)).toHaveLength(1)
  })

  test.each([
    ['at the deadline', ['a']], ['at a second stop', ['a']], ['at the deadline', undefined],
  ])('a tick that hangs is left alone %s, and what comes of it, %j, is not heard of', async (when, ids) => {
    const { heap, clock } = opened()
    await fail(heap, 'a', 10)
    const [asked, answer, told] = [gate<AbortSignal>(), gate(), [] as unknown[]]
    const processor = new DlqProcessor({
      heap, onError: (error) => told.push(error),
      async quarantine(_, { signal }) {
        asked.open(signal)
        await answer.promise
        return ids ?? Promise.reject(new Error('late'))
      },
    })
    await processor.start()
    const signal = await asked.promise
    const stopped = processor.stop({ timeoutMs: when === 'at the deadline' ? 1 : 60_000 })
    if (when === 'at a second stop') void processor.stop()
    expect(await stopped).toEqual({ abandoned: true })
    expect(signal.aborted).toBe(true)
    answer.open()
    await new Promise((resolve) => { setImmediate(resolve) })
    clock.advance(LEASE_MS)
    expect(await heap.drainExceeded(10)).toHaveLength(1)
    expect(told).toEqual([])
  })

  test('an abort stops it, also one that came before; disposing waits for it', async () => {
    const { heap } = opened()
    const aborted = new DlqProcessor({ heap, quarantine: keeper().quarantine, signal: AbortSignal.abort() })
    await expect(aborted.start()).rejects.toMatchObject({ code: 'CLOSED' })
    const controller = new AbortController()
    const pauses = new Pauses()
    const processor = new DlqProcessor({
      heap, quarantine: keeper().quarantine, signal: controller.signal, time: pauses,
    })
    await processor.start()
    await pauses.first()
    controller.abort()
    await processor[Symbol.asyncDispose]()
    expect(pauses.asked).toHaveLength(1)
    await expect(processor.runOnce()).rejects.toMatchObject({ code: 'CLOSED' })
  })
})

describe('waybill.heap', () => {
  test('is of its scope; what cannot be is refused by name', async () => {
    const waybill = createWaybill({ store: memory() })
    await waybill.heap('mailer').recordFailure('a')
    await waybill.scoped('tenant-7').heap('mailer').recordFailure('b')
    expect(await waybill.heap('mailer').drainExceeded(1)).toEqual([{ id: 'a', failures: 1 }])
    expect(await waybill.heap('scope:8:tenant-7:mailer').drainExceeded(1)).toEqual([])
    expect(await waybill.scoped('tenant-7').heap('mailer').drainExceeded(1)).toEqual([{ id: 'b', failures: 1 }])
    for (const name of ['', ' ', 'a\u0000', 'x'.repeat(256), 7]) expect(() => waybill.heap(name as string)).toThrow(refused('name'))
    for (const drainLeaseMs of [0, -1, 1.5, 86_400_001]) {
      expect(() => waybill.heap('a', { drainLeaseMs })).toThrow(refused('drainLeaseMs'))
    }
    const many = Array.from({ length: 1_001 }, (_, n) => `${n}`)
    for (const ids of [many, 'a', undefined]) {
      await expect(waybill.heap('a').confirmDrained(ids as string[])).rejects.toEqual(refused('ids'))
    }
    await expect(waybill.heap('a').purge({ olderThanMs: -1 })).rejects.toEqual(refused('olderThanMs'))
    await expect(waybill.heap('a').purge({ olderThanMs: 0, limit: 0 })).rejects.toEqual(refused('limit'))
  })

  test('a store that has none says so', () => {
    const waybill = createWaybill({ store: { ...memory(), heaps: undefined } })
    expect(() => waybill.heap('mailer')).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }) as never)
  })
})
