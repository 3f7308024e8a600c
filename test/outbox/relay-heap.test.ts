/** A relay with a heap of failures: what it is told, and that nothing it does changes a delivery. */
import { describe, expect, test, vi } from 'vitest'
import { DlqProcessor } from '../../src/deadletters/processor.js'
import { memory } from '../../src/memory.js'
import { createWaybill } from '../../src/waybill.js'
import { HeapNotes, type FailureHeap, type HeapError } from '../../src/outbox/heap-notes.js'
import { permanentError, throttledError } from '../../src/core/transport.js'
import { RelayFixture } from '../runner/relay-fixture.js'

type Call = readonly [name: string, id: string, error?: string | undefined]

/** Writes its calls down, and does what it is told. */
function heapOf(answer: (call: Call) => Promise<void> = async () => undefined) {
  const calls: Call[] = []
  const note = (call: Call): Promise<void> => {
    calls.push(call)
    return answer(call)
  }
  const heap: FailureHeap = {
    recordFailure: (id, error) => note(['failure', id, error]), recordSuccess: (id) => note(['success', id]),
  }
  return { heap, calls, until: (count: number) => vi.waitFor(() => expect(calls.length).toBeGreaterThanOrEqual(count)) }
}

describe('what the heap is told', () => {
  test('X2 a success for each delivered message, and nothing else', async () => {
    const fixture = new RelayFixture()
    const { heap, calls, until } = heapOf()
    const ids = [await fixture.enqueue(), await fixture.enqueue(), await fixture.enqueue()]
    await using relay = fixture.relay({ handlers: { t: () => undefined }, heap })
    expect(await relay.runOnce()).toMatchObject({ delivered: 3 })
    await until(3)
    expect(calls).toEqual(ids.map((id) => ['success', id]))
  })

  test('X3 X4 a failure with its error for each that failed, the others are delivered', async () => {
    const fixture = new RelayFixture()
    const { heap, calls, until } = heapOf()
    const [a, b, c] = [await fixture.enqueue(), await fixture.enqueue(), await fixture.enqueue()]
    let failing = [b]
    await using relay = fixture.relay({
      heap, handlers: { t: ({ id }) => { if (failing.includes(id)) throw new Error('no answer') } },
    })
    expect(await relay.runOnce()).toMatchObject({ delivered: 2, requeued: 1 })
    await until(3)
    expect(calls.toSorted()).toEqual([
      ['success', a], ['failure', b, 'Error: no answer'], ['success', c]].toSorted())
    failing = [b, await fixture.enqueue()]
    fixture.now += 600_000
    expect(await relay.runOnce()).toMatchObject({ delivered: 0, requeued: 2 })
    await until(5)
    expect(calls.slice(3).map(([name, id]) => [name, id]).toSorted()).toEqual(failing.map((id) => ['failure', id]).toSorted())
  })

  test('X1 nothing due: no call; throttled: no call; a dead letter has left, like a delivered one', async () => {
    const fixture = new RelayFixture()
    const { heap, calls, until } = heapOf()
    await using relay = fixture.relay({
      heap, handlers: { t: ({ type }) => { throw type === 'later' ? throttledError('later', 1_000) : permanentError('no') } },
    })
    expect(await relay.runOnce()).toMatchObject({ claimed: 0 })
    await fixture.enqueue({ type: 'later' })
    const dead = await fixture.enqueue({ type: 'never' })
    expect(await relay.runOnce()).toMatchObject({ released: 1, deadLettered: 1 })
    await until(1)
    expect(calls).toEqual([['success', dead]])
  })

  test('only after the store has taken the outcome', async () => {
    const fixture = new RelayFixture()
    const order: string[] = []
    const { heap, until } = heapOf(async ([name]) => void order.push(name))
    await fixture.enqueue()
    const store = fixture.seenBy({
      async settle(request) {
        const answers = await fixture.store.settle(request)
        await new Promise((resolve) => { setImmediate(resolve) })
        order.push('settled')
        return answers
      },
    })
    await using relay = fixture.relay({ handlers: { t: () => undefined }, heap }, {}, store)
    await relay.runOnce()
    await until(1)
    expect(order).toEqual(['settled', 'success'])
  })

  test('is refused by name when it is none', () => {
    const heap = { recordFailure: () => Promise.resolve() } as unknown as FailureHeap
    expect(() => new RelayFixture().relay({ handlers: { t: () => undefined }, heap }))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: { field: 'heap' } }))
  })
})

describe('W4 a heap that', () => {
  const bad: Record<string, (call: Call) => Promise<void>> = {
    'throws': () => { throw new Error('heap') },
    'rejects': () => Promise.reject(new Error('heap')),
    'hangs': () => new Promise(() => undefined),
  }
  test.each(Object.entries(bad))('%s changes no outcome, causes no duplicate and no stop', async (name, answer) => {
    const fixture = new RelayFixture()
    const { heap } = heapOf(answer)
    const delivered: string[] = []
    const told: (HeapError & { readonly target: string })[] = []
    const ids: string[] = []
    for (let n = 0; n < 50; n += 1) ids.push(await fixture.enqueue({ payload: { n } }))
    const relay = fixture.relay({
      heap, handlers: {
        t: ({ id, attempt }) => {
          if (ids.indexOf(id) % 5 === 0 && attempt === 1) throw new Error('no answer')
          delivered.push(id)
        },
      },
    })
    relay.on('heapError', (event) => {
      told.push(event)
      throw new Error('a listener')
    })
    const first = await relay.drain()
    fixture.now += 1_000_000
    const second = await relay.drain()
    expect([first.delivered + second.delivered, first.requeued]).toEqual([50, 10])
    expect(delivered.toSorted()).toEqual(ids.toSorted())
    expect((await fixture.outbox.stats()).map((each) => each.delivered)).toEqual([50])
    if (name !== 'hangs') {
      await vi.waitFor(() => expect(told).toHaveLength(60))
      expect(told[0]).toMatchObject({ target: 't', operation: expect.stringMatching(/^record/) as string })
    }
    expect(await relay.stop({ timeoutMs: 20 })).toMatchObject({ abandoned: 0 })
  })

  test('is slow: what waits for it is bounded, what comes on top is told and dropped', async () => {
    const errors: HeapError[] = []
    let open = (): void => undefined
    const opened = new Promise<void>((resolve) => { open = resolve })
    const { heap, calls } = heapOf(() => opened)
    const notes = new HeapNotes(heap, (error) => errors.push(error), { maxWaiting: 20 })
    for (let n = 0; n < 30; n += 1) notes.left(`m${n}`)
    expect([calls.length, errors.length]).toEqual([8, 10])
    expect(errors[0]).toMatchObject({ id: 'm20', operation: 'recordSuccess', error: { code: 'TIMEOUT' } })
    open()
    await notes.close(10_000)
    expect(calls.map(([, id]) => id)).toEqual(Array.from({ length: 20 }, (_, n) => `m${n}`))
    notes.left('late')
    expect(calls).toHaveLength(20)
  })

  test('hangs: a call is waited for so long, and the next is made', async () => {
    const errors: HeapError[] = []
    const { heap, until } = heapOf(([, id]) => (id.startsWith('bad') ? new Promise(() => undefined) : Promise.resolve()))
    const notes = new HeapNotes(heap, (error) => errors.push(error), { callTimeoutMs: 1 })
    for (let n = 0; n < 9; n += 1) notes.failed(`bad${n}`, 'x')
    notes.left('good')
    await until(10)
    await vi.waitFor(() => expect(errors).toHaveLength(9))
    expect(errors[0]).toMatchObject({ operation: 'recordFailure', error: { code: 'TIMEOUT' } })
    await notes.close(0)
  })

  test('the notes of one message arrive in their order', async () => {
    const { heap, calls } = heapOf(([, , error]) => new Promise((resolve) => {
      setTimeout(resolve, error === 'first' ? 5 : 0)
    }))
    const notes = new HeapNotes(heap, () => undefined)
    notes.failed('m', 'first')
    notes.failed('m', 'second')
    notes.left('m')
    notes.left('other')
    await notes.close(10_000)
    expect(calls.filter(([, id]) => id === 'm').map(([name, , error]) => error ?? name)).toEqual(['first', 'second', 'success'])
  })
})

test('whichever comes first makes the dead letter: the attempts of the message, or the threshold of the heap', async () => {
  let now = 1_000_000
  const waybill = createWaybill({ store: memory({ now: () => now }) })
  const heap = waybill.heap('outbox')
  const { outbox } = waybill
  const enqueue = async (maxAttempts: number): Promise<string> =>
    (await outbox.enqueueAlone({ type: 'a', payload: 1, maxAttempts })).id
  const [few, many, good] = [await enqueue(2), await enqueue(20), await enqueue(20)]
  const relay = waybill.relay({
    heap, handlers: { default: ({ id }) => { if (id !== good) throw new Error('no answer') } },
  })
  const processor = new DlqProcessor({
    heap, threshold: 3,
    quarantine: async (entries) => {
      await outbox.quarantine(entries.map(({ id, failures, lastError }) => ({ id, failures, error: lastError })))
      return entries.map(({ id }) => id)
    },
  })
  for (let round = 0; round < 5; round += 1) {
    await relay.drain()
    now += 600_000
  }
  await relay.stop()
  expect((await outbox.failures(many)).map(({ consumer }) => consumer)).not.toContain('quarantine')
  expect(await processor.runOnce()).toMatchObject({ drained: 1, handled: 1 })
  expect(await processor.runOnce()).toMatchObject({ drained: 0 })
  const dead = await outbox.list({ status: 'dead_letter' })
  expect(dead.map(({ id, attemptCount, lastError }) => [id, attemptCount, lastError])).toEqual([
    [few, 2, 'Error: no answer'], [many, 5, 'quarantined after 5 failures: Error: no answer'],
  ])
  expect((await outbox.get(good))?.status).toBe('delivered')
  await waybill.close()
})
