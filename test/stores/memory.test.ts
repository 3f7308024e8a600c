import { describe, expect, test, vi } from 'vitest'
import { scopeId, type ScopeId } from '../../src/core/scope.js'
import { Outbox } from '../../src/outbox/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'
import { MemoryOutboxStore, type MemoryOutboxOptions } from '../../src/stores/memory/outbox.js'
import { TestClock } from '../../src/testkit/index.js'

const open = (options: MemoryOutboxOptions = {}): Outbox<MemoryTransaction> =>
  new Outbox(new MemoryOutboxStore(options), (tx: MemoryTransaction) => tx)
const begin = (outbox: Outbox<MemoryTransaction>): MemoryTransaction => (outbox.store as MemoryOutboxStore).begin()
const draft = (dedupeKey?: string) => ({ type: 't', payload: 1, dedupeKey })
const CLAIM = { lane: 'default', target: 'default', consumer: 'w', limit: 100 }

describe('transactions that wait for each other', () => {
  test('one of a cycle is aborted at once, the other goes on', async () => {
    const outbox = open()
    const [first, second] = [begin(outbox), begin(outbox)]
    await outbox.enqueue(first, draft('a'))
    await outbox.enqueue(second, draft('b'))
    const waiting = outbox.enqueue(first, draft('b'))
    await expect(outbox.enqueue(second, draft('a'))).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED', retryable: true })
    await expect(waiting).resolves.toMatchObject({ created: true })
    await expect(second.commit()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await second.rollback()
    await first.commit()
    expect((await outbox.list()).map(({ dedupeKey }) => dedupeKey)).toEqual(['a', 'b'])
  })

  test('one that waits five seconds is aborted', async () => {
    vi.useFakeTimers()
    try {
      const outbox = open({ now: () => 0 })
      const [first, second] = [begin(outbox), begin(outbox)]
      await outbox.enqueue(first, draft('a'))
      const waiting = expect(outbox.enqueue(second, draft('a'))).rejects.toMatchObject({ code: 'TRANSACTION_ABORTED', retryable: true })
      await vi.advanceTimersByTimeAsync(5_000)
      await waiting
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })

  test('close ends those that wait, and leaves no timer', async () => {
    vi.useFakeTimers()
    try {
      const outbox = open({ now: () => 0 })
      const [first, second] = [begin(outbox), begin(outbox)]
      await outbox.enqueue(first, draft('a'))
      const waiting = expect(outbox.enqueue(second, draft('a'))).rejects.toMatchObject({ code: 'CLOSED' })
      await outbox.store.close()
      await waiting
      await expect(first.commit()).rejects.toMatchObject({ code: 'CLOSED' })
      expect(vi.getTimerCount()).toBe(0)
    } finally {
      vi.useRealTimers()
    }
  })
})

test('a transaction that has ended, or is none, is refused', async () => {
  const outbox = open()
  const [committed, rolledBack] = [begin(outbox), begin(outbox)]
  await committed.commit()
  await rolledBack.rollback()
  await rolledBack.rollback()
  for (const tx of [committed, rolledBack, {} as MemoryTransaction]) {
    await expect(outbox.enqueue(tx, draft())).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
  }
  await expect(committed.commit()).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
})

test('delivered messages past their retention go without a purge', async () => {
  const clock = new TestClock()
  const outbox = open({ now: clock.now, retainDeliveredMs: 1_000 })
  const deliver = async (count: number): Promise<void> => {
    for (let n = 0; n < count; n += 1) await outbox.enqueueAlone(draft())
    const claim = await outbox.claim(CLAIM)
    await outbox.settle(claim!.token, claim!.messages.map(({ id }) => ({ id, kind: 'ack' })))
  }
  await deliver(10)
  clock.advance(1_000)
  await deliver(5)
  expect(await outbox.list()).toHaveLength(5)
})

describe('cost', () => {
  const NEVER = 2 ** 53 - 1

  /** Reads of `availableAt` order would show in time only; so the clock bounds the whole run instead. */
  test('claims behind a large backlog, a large history and ten thousand scopes stay cheap', async () => {
    const outbox = open({ now: () => 1_000 })
    const scopes = Array.from({ length: 10_000 }, (_, n) => scopeId(`tenant-${n}`))
    await fill(outbox, scopes, { availableAt: NEVER })
    await fill(outbox, scopes, {})
    const started = performance.now()
    let claimed = 0
    for (const scope of scopes.slice(0, 2_000)) {
      const claim = await outbox.claim({ ...CLAIM, scopes: [scope] })
      claimed += claim?.messages.length ?? 0
      await outbox.settle(claim!.token, claim!.messages.map(({ id }) => ({ id, kind: 'ack' })))
    }
    for (let claim = await outbox.claim({ ...CLAIM, limit: 7 }); claim !== null; claim = await outbox.claim({ ...CLAIM, limit: 7 })) {
      claimed += claim.messages.length
      await outbox.settle(claim.token, claim.messages.map(({ id }) => ({ id, kind: 'ack' })))
    }
    expect(claimed).toBe(10_000)
    // About 0.1 s here; scanning ten thousand entries for each of three thousand claims takes far longer.
    expect(performance.now() - started).toBeLessThan(3_000)
  })

  async function fill(outbox: Outbox<MemoryTransaction>, scopes: readonly ScopeId[], more: { availableAt?: number }): Promise<void> {
    await outbox.store.transaction((tx) => outbox.enqueueMany(tx, scopes.map((scope) => ({ ...draft(), scope, ...more }))))
  }
})
