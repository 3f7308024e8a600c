/**
 * Heaps, logs and listeners that always fail, beside none at all: what is delivered, how often, and what becomes of each
 * message or event is the same. An inbox tells nobody, so there is nothing that could fail.
 */
import { expect, test } from 'vitest'
import { pause } from '../../src/core/environment.js'
import type { DlqHeap } from '../../src/deadletters/heap.js'
import { memory } from '../../src/memory.js'
import type { RunnerLogger } from '../../src/runner/log.js'
import { permanentError, throttledError } from '../../src/core/transport.js'
import { faultyOutboxStore, TestClock } from '../../src/testkit/index.js'
import { createWaybill } from '../../src/waybill.js'

const EVENTS = ['claimed', 'delivered', 'requeued', 'deadLettered', 'released', 'lostClaim', 'error', 'idle'] as const
const COUNT = 60

/** How it fails, and how often it was asked to do anything. */
class Failing {
  calls = 0
  readonly heap: DlqHeap
  readonly logger: RunnerLogger
  readonly #rejects: boolean

  constructor(rejects: boolean) {
    this.#rejects = rejects
    const call = this.call as () => never
    this.heap = { recordFailure: call, recordSuccess: call, drainExceeded: call, confirmDrained: call }
    this.logger = { debug: call, info: call, warn: call, error: call }
  }

  readonly call = (): unknown => {
    this.calls += 1
    if (this.#rejects) return Promise.reject(new Error('bookkeeping'))
    throw new Error('bookkeeping')
  }
}

/** Of the n-th: 0 fails at first, 1 for good, 2 is throttled once, the others are delivered. */
function destination() {
  const tries = new Map<number, number>()
  const arrivals: string[] = []
  return {
    arrivals,
    receive(n: number): void {
      const attempt = (tries.get(n) ?? 0) + 1
      tries.set(n, attempt)
      arrivals.push(`${n} ${attempt}`)
      if (n % 10 === 0 && attempt < 3) throw new Error('not now')
      if (n % 10 === 1) throw permanentError('never')
      if (n % 10 === 2 && attempt === 1) throw throttledError('later', 1_000)
    },
  }
}

async function relayed(failing: Failing | undefined): Promise<unknown> {
  const clock = new TestClock()
  const store = memory({ now: clock.now })
  // A settle whose answer is lost, too: what is told of it must not matter either.
  const outbox = faultyOutboxStore(store.outbox, { settle: ['none', 'before'] })
  const waybill = createWaybill({ store: { ...store, outbox } })
  for (let n = 0; n < COUNT; n += 1) await waybill.outbox.enqueueAlone({ type: 'a', payload: n })
  const { arrivals, receive } = destination()
  const relay = waybill.relay({
    handlers: { default: ({ payload }) => receive(payload as number) }, concurrency: 1, batch: 10,
    retry: { baseMs: 1_000, jitter: 'none' }, settleEveryMs: 0, heap: failing?.heap,
    logger: failing?.logger,
  })
  if (failing !== undefined) for (const name of [...EVENTS, 'heapError'] as const) relay.on(name, failing.call)
  for (let round = 0; round < 6; round += 1) {
    await relay.drain()
    clock.advance(60_000)
  }
  await relay.stop({ timeoutMs: 100 })
  const { delivered, requeued, deadLettered, lostClaims } = relay.counters()
  const messages = await waybill.outbox.list({ limit: 1_000 })
  return {
    arrivals, delivered, requeued, deadLettered, lostClaims,
    messages: messages.map(({ status, attemptCount, lastError }) => [status, attemptCount, lastError]),
  }
}

async function published(failing: Failing | undefined): Promise<unknown> {
  const clock = new TestClock()
  const waybill = createWaybill({ store: memory({ now: clock.now }) })
  for (let n = 0; n < COUNT; n += 1) {
    await waybill.transaction((tx) => waybill.journal.append(tx, [{ stream: `s-${n % 7}`, type: 'a', payload: n }]))
  }
  const { arrivals, receive } = destination()
  const publisher = waybill.publisher({
    name: 'p', publish: ({ payload }) => receive(payload as number), concurrency: 1, onFailure: 'dead_letter',
    retry: { baseMs: 1_000, jitter: 'none' }, logger: failing?.logger,
    time: { monotonicMs: clock.now, random: Math.random, pause },
  })
  if (failing !== undefined) for (const name of EVENTS) publisher.on(name, failing.call)
  for (let round = 0; round < 12; round += 1) {
    await publisher.drain()
    clock.advance(5_000)
  }
  await publisher.stop()
  const dead = await waybill.publishers.deadLetters('p')
  return { arrivals: arrivals.toSorted(), dead: dead.map(({ error }) => error) }
}

test.each([['throw', false], ['reject', true]] as const)(
  'that %s change nothing: a relay', async (_how, rejects) => {
    const failing = new Failing(rejects)
    const outcome = await relayed(failing)
    expect(failing.calls).toBeGreaterThan(COUNT)
    expect(outcome).toEqual(await relayed(undefined))
    expect(outcome).toMatchObject({ deadLettered: COUNT / 10 })
  })

test.each([['throw', false], ['reject', true]] as const)(
  'that %s change nothing: a publisher', async (_how, rejects) => {
    const failing = new Failing(rejects)
    const outcome = await published(failing)
    expect(failing.calls).toBeGreaterThan(COUNT)
    expect(outcome).toEqual(await published(undefined))
    expect(outcome).toMatchObject({ arrivals: { length: COUNT + 3 * COUNT / 10 } })
  })
