import { describe, expect, test, vi } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import { deferred, HeldDeliveries, settleDown } from '../runner/fake-source.js'
import { RelayFixture } from '../runner/relay-fixture.js'

describe('the relay delivers', () => {
  test('A-20 one run delivers and acks all', async () => {
    const fixture = new RelayFixture()
    const ids = [await fixture.enqueue({ payload: { n: 1 } }), await fixture.enqueue({ payload: { n: 2 } })]
    const received: unknown[] = []
    const relay = fixture.relay({
      handlers: { t: ({ id, payload, attempt }) => received.push([id, payload, attempt]) },
    })
    expect(await relay.runOnce()).toEqual(
      { claimed: 2, delivered: 2, requeued: 0, deadLettered: 0, released: 0, lostClaims: 0 })
    expect(received).toEqual([[ids[0], { n: 1 }, 1], [ids[1], { n: 2 }, 1]])
    for (const id of ids) expect((await fixture.get(id)).status).toBe('delivered')
    await relay.stop()
  })

  test('A-21 a failing handler: requeued, then a dead letter, with the text of its error', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue({ maxAttempts: 2 })
    let failures = 0
    const relay = fixture.relay({
      handlers: { t: () => { throw new Error(`failure ${failures += 1}`) } },
      retry: { baseMs: 100, maxMs: 100, jitter: 'none' },
    })
    expect(await relay.runOnce()).toMatchObject({ requeued: 1, deadLettered: 0 })
    expect(await fixture.get(id)).toMatchObject(
      { status: 'pending', attemptCount: 1, lastError: 'Error: failure 1', availableAt: fixture.now + 100 })
    expect(await relay.runOnce()).toMatchObject({ claimed: 0 })
    fixture.now += 100
    expect(await relay.runOnce()).toMatchObject({ requeued: 0, deadLettered: 1 })
    expect(await fixture.get(id)).toMatchObject(
      { status: 'dead_letter', attemptCount: 2, lastError: 'Error: failure 2' })
    await relay.stop()
  })

  test('A-22 a crash between delivery and ack: delivered again once the lease expires', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue()
    const attempts: number[] = []
    const handlers = { t: ({ attempt }: { attempt: number }) => attempts.push(attempt) }
    const dying = deferred()
    const crashing = fixture.relay({ handlers }, {}, fixture.seenBy({
      settle: () => {
        dying.resolve()
        return new Promise(() => {})
      },
    }))
    void crashing.runOnce()
    await dying.promise
    expect(await crashing.stop({ timeoutMs: 0 })).toMatchObject({ abandoned: 1 })

    const successor = fixture.relay({ handlers })
    fixture.now += 29_999
    expect(await successor.runOnce()).toMatchObject({ claimed: 0 })
    fixture.now += 1
    expect(await successor.runOnce()).toMatchObject({ delivered: 1 })
    expect(attempts).toEqual([1, 2])
    expect((await fixture.get(id)).status).toBe('delivered')
    await successor.stop()
  })

  test('A-22 messages of a claim that expired are delivered one at a time', async () => {
    const fixture = new RelayFixture()
    for (let count = 0; count < 3; count += 1) await fixture.enqueue()
    await fixture.outbox.claim({ lane: 'default', target: 't', consumer: 'crashed' })
    fixture.now += 30_000
    let underWay = 0
    const relay = fixture.relay({
      handlers: {
        t: async () => {
          expect(underWay += 1).toBe(1)
          await settleDown()
          underWay -= 1
        },
      },
    })
    expect(await relay.drain()).toMatchObject({ delivered: 3 })
    await relay.stop()
  })

  test('A-23 a slow handler outlives its lease: another relay delivers, the late ack is lost', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue()
    const held = new HeldDeliveries()
    const cutOff = fixture.seenBy({ extend: () => Promise.reject(new Error('cut off')) })
    const slow = fixture.relay({ handlers: { t: held.deliver }, leaseMs: 10, consumer: 'slow' }, {}, cutOff)
    const first = slow.runOnce()
    await held.untilStarted(1)
    fixture.now += 10
    const quick = fixture.relay({ handlers: { t: () => {} }, consumer: 'quick' })
    expect(await quick.runOnce()).toMatchObject({ delivered: 1 })
    const lost: string[] = []
    slow.on('lostClaim', (event) => lost.push(event.id))
    held.endAll()
    expect(await first).toMatchObject({ delivered: 0, lostClaims: 1 })
    expect(lost).toEqual([id])
    expect(await fixture.get(id)).toMatchObject({
      status: 'delivered', attemptCount: 2,
      claimedBy: undefined, claimToken: undefined, leaseExpiresAt: undefined,
    })
    await Promise.all([slow.stop(), quick.stop()])
  })

  test('A-24 messages of other lanes and targets are left alone', async () => {
    const fixture = new RelayFixture()
    const others = [await fixture.enqueue({ lane: 'other' }), await fixture.enqueue({ target: 'other' })]
    await fixture.enqueue()
    const relay = fixture.relay({ handlers: { t: () => {} } })
    expect(await relay.drain()).toMatchObject({ claimed: 1 })
    for (const id of others) {
      expect(await fixture.get(id)).toMatchObject({ status: 'pending', attemptCount: 0 })
    }
    await relay.stop()
  })

  test('A-25 a batch of 0 is refused', () => {
    const make = (): unknown => new RelayFixture().relay({ handlers: { t: () => {} }, batch: 0 })
    const details = { field: 'batch', min: 1, max: 1_000 }
    expect(make).toThrow(expect.objectContaining({ code: 'VALIDATION', details }))
  })

  test.each([[1, 15], [2, 20], [4, 30]])(
    'A-26 backoff from 5 up to 20: attempt %i at 10 is due again at %i', async (attempt, dueAt) => {
      const fixture = new RelayFixture()
      fixture.now = 10
      const id = await fixture.enqueue()
      for (let spent = 1; spent < attempt; spent += 1) {
        const claim = await fixture.outbox.claim({ lane: 'default', target: 't', consumer: 'test' })
        await fixture.outbox.nack(id, claim!.token, 'no', { retryAt: 10 })
      }
      const relay = fixture.relay({
        handlers: { t: () => Promise.reject(new Error('no')) },
        retry: { baseMs: 5, maxMs: 20, jitter: 'none' },
      })
      expect(await relay.runOnce()).toMatchObject({ requeued: 1 })
      expect(await fixture.get(id)).toMatchObject({ attemptCount: attempt, availableAt: dueAt })
      await relay.stop()
    })
})

describe('the relay runs in the background', () => {
  test('A-27 a stop during a delivery waits for it and acks', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue()
    const held = new HeldDeliveries()
    const relay = fixture.relay({ handlers: { t: held.deliver } })
    await relay.start()
    await held.untilStarted(1)
    const stopped = relay.stop()
    held.endAll()
    expect(await stopped).toEqual({ finished: 1, abandoned: 0, released: 0 })
    expect((await fixture.get(id)).status).toBe('delivered')
  })

  test('A-28 a bounded stop with a stuck handler returns and leaves the message claimed', async () => {
    const fixture = new RelayFixture()
    const id = await fixture.enqueue()
    const held = new HeldDeliveries()
    const relay = fixture.relay({ handlers: { t: held.deliver } })
    await relay.start()
    await held.untilStarted(1)
    expect(await relay.stop({ timeoutMs: 5 })).toEqual({ finished: 0, abandoned: 1, released: 0 })
    expect(await fixture.get(id)).toMatchObject({ status: 'claimed', attemptCount: 1 })
    held.endAll()
    fixture.now += 30_000
    const successor = fixture.relay({ handlers: { t: () => {} } })
    expect(await successor.drain()).toMatchObject({ delivered: 1 })
    await successor.stop()
  })

  test('A-29 every target of a started relay is delivered as it is enqueued', async () => {
    const fixture = new RelayFixture()
    const received: string[] = []
    const relay = fixture.relay({
      handlers: {
        mailer: ({ type }) => received.push(`mailer ${type}`),
        billing: ({ type }) => received.push(`billing ${type}`),
      },
    })
    await relay.start()
    for (const target of ['mailer', 'billing', 'mailer']) {
      await fixture.enqueue({ target })
      expect(await relay.drain()).toMatchObject({ delivered: 1 })
    }
    expect(received).toEqual(['mailer a', 'billing a', 'mailer a'])
    await relay.stop()
  })

  test('A-30 a relay goes on when modules are replaced, and knows the errors of either copy', async () => {
    const fixture = new RelayFixture()
    let fail: () => unknown = () => undefined
    const relay = fixture.relay({ handlers: { t: () => fail() } })
    await relay.start()
    await fixture.enqueue()
    expect(await relay.drain()).toMatchObject({ delivered: 1 })
    vi.resetModules()
    const copy = await import('../../src/core/transport.js')
    fail = () => { throw copy.permanentError('never') }
    const id = await fixture.enqueue()
    expect(await relay.drain()).toMatchObject({ deadLettered: 1 })
    expect((await fixture.get(id)).lastError).toBe('WaybillError: never')
    const { Relay } = await import('../../src/outbox/relay.js')
    expect(fixture.relay({ handlers: { t: () => {} } })).not.toBeInstanceOf(Relay)
    await relay.stop()
    await expect(relay.start()).rejects.toSatisfy((error) => isWaybillError(error, 'CLOSED'))
  })
})
