/**
 * `reserve-*`: two owners and one key, step by step. An answer nobody looks at is one that was lost: the call has taken
 * effect, and its caller does not know.
 */
import assert from 'node:assert/strict'
import { DEFAULT_SCOPE, scopeId } from '../../core/scope.js'
import type { ReservationKey, ReservationProvider, ReserveAnswer } from '../../outbox/reservation.js'
import type { StoreCase } from '../store-suite.js'
import { TestClock } from '../test-clock.js'
import type { OpenedReservations, OpenReservationSettings } from './options.js'

const TTL_MS = 60_000
const KEEP_MS = 86_400_000
const KEY: ReservationKey = {
  namespace: 'shop', scope: DEFAULT_SCOPE, lane: 'orders', target: 'mailer', dedupeKey: 'order-7',
}
const MESSAGE = { id: 'abcdefgh-0000000000001', digest: '0f'.repeat(32), keepMs: KEEP_MS }
const CONFIRMED = { kind: 'confirmed', id: MESSAGE.id, digest: MESSAGE.digest }

type Open = (settings: OpenReservationSettings) => Promise<OpenedReservations>

export class ReservationContext {
  readonly clock: TestClock
  readonly opened: OpenedReservations

  static async create(open: Open): Promise<ReservationContext> {
    const clock = new TestClock()
    return new ReservationContext(clock, await open({ now: clock.now }))
  }

  private constructor(clock: TestClock, opened: OpenedReservations) {
    this.clock = clock
    this.opened = opened
  }

  get provider(): ReservationProvider {
    return this.opened.provider
  }

  get other(): ReservationProvider {
    return this.opened.other
  }

  /** By A in one process, by any other owner in another. */
  async reserve(owner: string, key = KEY): Promise<ReserveAnswer['kind']> {
    const provider = owner === 'A' ? this.provider : this.other
    return (await provider.reserve(key, { owner, ttlMs: TTL_MS })).kind
  }

  close(): Promise<void> {
    return this.opened.close()
  }
}

export const reserveCases: readonly StoreCase<ReservationContext>[] = [
  {
    id: 'reserve-1', title: 'a free key is reserved, and held to all others',
    async run(context) {
      assert.deepEqual(await context.provider.reserve(KEY, { owner: 'A', ttlMs: TTL_MS }), { kind: 'reserved' })
      assert.deepEqual(await context.other.reserve(KEY, { owner: 'B', ttlMs: TTL_MS }), { kind: 'held' })
    },
  },
  {
    id: 'reserve-2', title: 'its owner is given it again, as after a lost answer, and holds it from then on',
    async run(context) {
      await context.reserve('A')
      context.clock.advance(TTL_MS - 1)
      assert.equal(await context.reserve('A'), 'reserved')
      context.clock.advance(TTL_MS - 1)
      assert.equal(await context.reserve('B'), 'held')
      context.clock.advance(1)
      assert.equal(await context.reserve('B'), 'reserved')
    },
  },
  {
    id: 'reserve-3', title: 'who asks for a key that is held does not prolong it; it is free when the time is reached',
    async run(context) {
      await context.reserve('A')
      context.clock.advance(TTL_MS - 1)
      assert.equal(await context.reserve('B'), 'held')
      context.clock.advance(1)
      assert.equal(await context.reserve('B'), 'reserved')
      assert.equal(await context.reserve('A'), 'held')
    },
  },
  {
    id: 'reserve-4', title: 'its owner frees it, once and for all; a repeated release changes nothing',
    async run(context) {
      await context.reserve('A')
      await context.other.release(KEY, 'A')
      assert.equal(await context.reserve('B'), 'reserved')
      await context.provider.release(KEY, 'A')
      assert.equal(await context.reserve('C'), 'held')
    },
  },
  {
    id: 'reserve-5', title: 'a confirmed key answers its message to everybody, its owner too, until it is forgotten',
    async run(context) {
      await context.reserve('A')
      await context.provider.confirm(KEY, MESSAGE)
      for (const [provider, owner] of [[context.provider, 'A'], [context.other, 'B']] as const) {
        assert.deepEqual(await provider.reserve(KEY, { owner, ttlMs: TTL_MS }), CONFIRMED)
      }
      context.clock.advance(KEEP_MS - 1)
      assert.equal(await context.reserve('B'), 'confirmed')
      context.clock.advance(1)
      assert.equal(await context.reserve('B'), 'reserved')
    },
  },
  {
    id: 'reserve-6', title: 'a commit is a fact: it is confirmed also when the hold ran out, and over that of another',
    async run(context) {
      await context.reserve('A')
      context.clock.advance(TTL_MS)
      await context.provider.confirm(KEY, MESSAGE)
      assert.equal(await context.reserve('B'), 'confirmed')
      const next = { ...KEY, dedupeKey: 'order-8' }
      await context.reserve('A', next)
      context.clock.advance(TTL_MS)
      assert.equal(await context.reserve('B', next), 'reserved')
      await context.provider.confirm(next, MESSAGE)
      await context.other.release(next, 'B')
      assert.equal(await context.reserve('B', next), 'confirmed')
    },
  },
  {
    id: 'reserve-7', title: 'the first confirmation stays, as it was and as long as it said',
    async run(context) {
      await context.provider.confirm(KEY, MESSAGE)
      context.clock.advance(KEEP_MS - 1)
      await context.other.confirm(KEY, { ...MESSAGE, id: 'other', digest: 'ff' })
      assert.deepEqual(await context.provider.reserve(KEY, { owner: 'A', ttlMs: TTL_MS }), CONFIRMED)
      context.clock.advance(1)
      assert.equal(await context.reserve('A'), 'reserved')
    },
  },
  {
    id: 'reserve-8', title: 'a release frees neither what another holds, nor what is confirmed, nor what is free',
    async run(context) {
      await context.provider.release(KEY, 'A')
      await context.reserve('A')
      await context.other.release(KEY, 'B')
      assert.equal(await context.reserve('B'), 'held')
      await context.provider.confirm(KEY, MESSAGE)
      await context.provider.release(KEY, 'A')
      assert.equal(await context.reserve('B'), 'confirmed')
    },
  },
  {
    id: 'reserve-9', title: 'one for each namespace, scope, lane, target and key, whatever they are called',
    async run(context) {
      const names = [
        'a', 'a:b', '}{', '{}', '%7B', '%', '"', '\\', '","', 'q held 1 A', '\n', 'é 日本', ' ', 'x'.repeat(255),
      ]
      const keys = names.flatMap((name) => [
        { ...KEY, namespace: name }, { ...KEY, lane: name }, { ...KEY, target: name }, { ...KEY, dedupeKey: name },
      ])
      keys.push(KEY, { ...KEY, scope: scopeId('tenant') }, { ...KEY, dedupeKey: 'x'.repeat(1_024) })
      for (const key of keys) {
        assert.equal(await context.reserve('A', key), 'reserved')
        assert.equal(await context.reserve('B', key), 'held')
      }
    },
  },
  {
    id: 'reserve-10', title: 'of many that ask at once, one is given it',
    async run(context) {
      const owners = Array.from({ length: 50 }, (_, n) => `owner-${n}`)
      const answers = await Promise.all(owners.map((owner, n) => (
        (n % 2 === 0 ? context.provider : context.other).reserve(KEY, { owner, ttlMs: TTL_MS }))))
      assert.equal(answers.filter(({ kind }) => kind === 'reserved').length, 1)
      assert.equal(answers.filter(({ kind }) => kind === 'held').length, 49)
    },
  },
]
