/** A transport that takes several messages in one go, and refuses all of them for the sake of one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { permanentError, throttledError, type Envelope, type Transport } from '../../src/core/transport.js'
import { memory } from '../../src/memory.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { RelayFixture } from '../runner/relay-fixture.js'

const CONCURRENCY = 8

/** Refuses what `judge` throws at. Each call is written down as the numbers in it. */
function transportOf(judge: (numbers: readonly number[], signal: AbortSignal) => unknown) {
  const calls: number[][] = []
  const send = async (envelopes: readonly Envelope[], signal: AbortSignal): Promise<void> => {
    const numbers = envelopes.map(({ payload }) => (JSON.parse(Buffer.from(payload).toString()) as { n: number }).n)
    calls.push(numbers)
    await judge(numbers, signal)
  }
  const transport: Transport = {
    name: 'bulk',
    deliver: async (envelope, { signal }) => send([envelope], signal),
    deliverBatch: async (envelopes, { signal }) => send(envelopes, signal),
  }
  return { transport, calls }
}

async function fixtureWith(count: number): Promise<{ fixture: RelayFixture; ids: string[] }> {
  const fixture = new RelayFixture()
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) ids.push(await fixture.enqueue({ payload: { n } }))
  return { fixture, ids }
}

describe('a transport with deliverBatch', () => {
  test('gets what begins together in one call, and one message through deliver', async () => {
    const { fixture } = await fixtureWith(20)
    const { transport, calls } = transportOf(() => undefined)
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY })
    expect(await relay.drain()).toMatchObject({ delivered: 20, requeued: 0 })
    expect(calls.map((numbers) => numbers.length)).toEqual([8, 8, 4])
    expect(calls.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, n) => n))
  })

  test.each([1, 2, 3])('%i culprits of 8: each is alone in the end, the others are delivered at once', async (count) => {
    const { fixture, ids } = await fixtureWith(CONCURRENCY)
    const culprits = [6, 1, 0].slice(0, count)
    const { transport, calls } = transportOf((numbers) => {
      if (numbers.some((n) => culprits.includes(n))) throw permanentError('one of them is no good')
    })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY })
    expect(await relay.runOnce()).toMatchObject({ delivered: 8 - count, deadLettered: count, requeued: 0 })
    for (const [n, id] of ids.entries()) {
      const { status, lastError } = await fixture.get(id)
      expect([n, status]).toEqual([n, culprits.includes(n) ? 'dead_letter' : 'delivered'])
      if (culprits.includes(n)) expect(lastError).toContain('one of them is no good')
    }
    for (const culprit of culprits) expect(calls.filter((numbers) => numbers.join() === `${culprit}`)).toHaveLength(1)
    expect(calls.length).toBeLessThanOrEqual(2 * CONCURRENCY - 1)
  })

  test('that refuses everything costs two calls a message but one, and all are tried again, each alone', async () => {
    const { fixture } = await fixtureWith(CONCURRENCY)
    let isDown = true
    const { transport, calls } = transportOf(() => {
      if (isDown) throw new Error('no connection')
    })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY })
    expect(await relay.runOnce()).toMatchObject({ requeued: 8 })
    expect(calls).toHaveLength(2 * CONCURRENCY - 1)
    isDown = false
    fixture.now += 600_000
    calls.length = 0
    expect(await relay.runOnce()).toMatchObject({ delivered: 8 })
    expect(calls.every((numbers) => numbers.length === 1)).toBe(true)
  })

  test('that asks to come back later is not asked again for the halves, and no attempt is spent', async () => {
    const { fixture, ids } = await fixtureWith(CONCURRENCY)
    const { transport, calls } = transportOf(() => { throw throttledError('busy', 1_000) })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY })
    expect(await relay.runOnce()).toMatchObject({ released: 8 })
    expect(calls).toHaveLength(1)
    expect((await fixture.get(ids[0]!)).attemptCount).toBe(0)
  })

  test('that hangs for one of them fails all of them once; after that only the culprit', async () => {
    const { fixture, ids } = await fixtureWith(CONCURRENCY)
    const { transport, calls } = transportOf(async (numbers, signal) => {
      if (numbers.includes(3)) await sleep(60_000, undefined, { signal })
    })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY, timeoutMs: 30 })
    expect(await relay.runOnce()).toMatchObject({ requeued: 8 })
    expect(calls).toHaveLength(1)
    fixture.now += 600_000
    expect(await relay.runOnce()).toMatchObject({ delivered: 7, requeued: 1 })
    expect((await fixture.get(ids[3]!)).status).toBe('pending')
  })

  test('is not given what has only one attempt, which a neighbour could cost it', async () => {
    const fixture = new RelayFixture()
    for (let n = 0; n < CONCURRENCY; n += 1) await fixture.enqueue({ payload: { n }, maxAttempts: 1 })
    const { transport } = transportOf(async (numbers, signal) => {
      if (numbers.includes(3)) await sleep(60_000, undefined, { signal })
    })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY, timeoutMs: 30 })
    expect(await relay.runOnce()).toMatchObject({ delivered: 7, deadLettered: 1 })
  })

  test('whose time is over while halves are tried tries no more of them', async () => {
    const { fixture } = await fixtureWith(CONCURRENCY)
    const { transport, calls } = transportOf(async () => {
      await sleep(40)
      throw new Error('no')
    })
    await using relay = fixture.relay({ target: 't', transport, concurrency: CONCURRENCY, timeoutMs: 60 })
    expect(await relay.runOnce()).toMatchObject({ requeued: 8 })
    await sleep(100)
    expect(calls.length).toBeLessThanOrEqual(3)
  })

  test('is never given two messages of one key of an ordered lane in one call', async () => {
    const waybill = createWaybill({ store: memory(), lanes: { default: { ordering: 'block' } } })
    await waybill.migrate()
    for (let n = 0; n < 6; n += 1) {
      await waybill.outbox.enqueueAlone({ type: 'a', target: 't', payload: { n }, key: n % 2 === 0 ? 'even' : 'odd' })
    }
    const { transport, calls } = transportOf(() => undefined)
    await using relay = waybill.relay({ target: 't', transport, concurrency: CONCURRENCY })
    await relay.drain()
    for (const numbers of calls) expect(new Set(numbers.map((n) => n % 2)).size).toBe(numbers.length)
    expect(calls.flat().filter((n) => n % 2 === 0)).toEqual([0, 2, 4])
    expect(calls).toHaveLength(3)
  })

  test('is refused when it is no function', () => {
    const transport = { name: 'x', deliver: async () => undefined, deliverBatch: 1 } as unknown as Transport
    expect(() => new RelayFixture().relay({ target: 't', transport })).toThrow(/deliverBatch/)
  })
})

test.each([['memory', () => memory()], ['SQLite', () => sqlite({ path: join(temporaryFolder(), 'w.db') })]] as const)(
  'an HTTP destination that takes lists, %s: exactly the poison is dead, in the outbox and of a publisher', async (_, open) => {
    const taken = new Set<string>()
    const url = await listServer((list) => {
      if (list.some(({ n }) => n % 10 === 7)) return false
      for (const { of, n } of list) taken.add(`${of} ${n}`)
      return true
    })
    const store: Store = open()
    await store.migrate()
    onTestFinished(() => store.close())
    const waybill = createWaybill({ store })
    for (let n = 0; n < 40; n += 1) {
      await waybill.outbox.enqueueAlone({ type: 'a', target: 'list', payload: { of: 'outbox', n } })
      await waybill.journal.appendAlone([{ stream: `s-${n}`, type: 'a', payload: { of: 'journal', n } }])
    }
    const transport = listTransport(url)
    await using relay = waybill.relay({ target: 'list', transport, concurrency: CONCURRENCY })
    expect(await relay.drain()).toMatchObject({ delivered: 36, deadLettered: 4 })
    await using publisher = waybill.publisher({ name: 'list', transport, concurrency: CONCURRENCY, onFailure: 'dead_letter' })
    expect(await publisher.drain()).toMatchObject({ delivered: 36, deadLettered: 4 })
    expect(taken.size).toBe(72)
  })

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-batches-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Answers 422 where `take` says no. */
async function listServer(take: (list: readonly { of: string; n: number }[]) => boolean): Promise<string> {
  const server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      response.writeHead(take(JSON.parse(Buffer.concat(chunks).toString()) as { of: string; n: number }[]) ? 204 : 422).end()
    })()
  })
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  onTestFinished(() => void server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function listTransport(url: string): Transport {
  const post = async (envelopes: readonly Envelope[], signal: AbortSignal): Promise<void> => {
    const body = `[${envelopes.map(({ payload }) => Buffer.from(payload).toString()).join()}]`
    const { status } = await fetch(url, { method: 'POST', body, signal })
    if (status === 422) throw permanentError('one of the list is no good')
    if (status !== 204) throw new Error(`status ${status}`)
  }
  return {
    name: 'list',
    deliver: async (envelope, { signal }) => post([envelope], signal),
    deliverBatch: async (envelopes, { signal }) => post(envelopes, signal),
  }
}
