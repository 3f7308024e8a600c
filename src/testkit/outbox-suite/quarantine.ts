/** `quarantine-*`: messages that wait become dead letters, by somebody who has no claim on them. */
import assert from 'node:assert/strict'
import { pause } from '../../core/environment.js'
import type { LaneOrdering } from '../../outbox/contract.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import { scopeId } from '../../core/scope.js'
import { faultyOutboxStore } from '../faulty-outbox-store.js'
import { seededRandom } from '../random.js'
import type { OutboxCase } from './case.js'
import {
  draftOf, idsOf, LANE, LEASE_MS, only, outboxOf, rejectsWith, type DraftPart, type OutboxContext,
} from './context.js'

const entry = (id: string, failures = 3, error = 'no answer') => ({ id, failures, error })

export const quarantineCases: readonly OutboxCase[] = [
  {
    id: 'quarantine-1', title: 'what waits for its retry becomes a dead letter, with its attempts, failures and why',
    async run(context) {
      const id = await putRetried(context, { dedupeKey: 'order-7', key: 'k' })
      const before = await context.get(id)
      context.clock.advance(5)
      assert.deepEqual(await context.outbox.quarantine([entry(id, 12, 'no answer')]), ['dead_lettered'])
      const note = 'quarantined after 12 failures: no answer'
      const { updatedAt: _, ...kept } = before
      assert.deepEqual(await context.get(id),
        { ...kept, status: 'dead_letter', lastError: note, updatedAt: context.clock.now() })
      assert.deepEqual((await context.outbox.failures(id)).map(({ attempt, consumer, error, failedAt }) =>
        [attempt, consumer, error, failedAt]), [
        [1, 'worker-1', 'busy', before.updatedAt], [1, 'quarantine', note, context.clock.now()],
      ])
      context.clock.advance(LEASE_MS)
      await context.nothingDue()
      assert.equal(only(await context.enqueue({ dedupeKey: 'order-7', key: 'k' })).id, id)
      assert.deepEqual(await context.outbox.redrive([id]), ['redriven'])
      assert.deepEqual(await context.drain(), [id])
    },
  },
  {
    id: 'quarantine-2', title: 'claimed, delivered, dead, unknown or repeated is skipped, and nothing of it changes',
    async run(context) {
      const { delivered, dead_letter: dead, claimed, pending } = await context.putEachStatus()
      const skipped = [delivered, dead, claimed, 'no-such-message', '', '\u0000', 'x'.repeat(2_000), "'; --"]
      const before = await context.outbox.list()
      assert.deepEqual(await context.outbox.quarantine(skipped.map((id) => entry(id))), skipped.map(() => 'skipped'))
      assert.deepEqual(await context.outbox.list(), before)
      assert.deepEqual(await context.outbox.quarantine([...skipped, pending, pending].map((id) => entry(id))),
        [...skipped.map(() => 'skipped'), 'dead_lettered', 'skipped'])
      assert.equal((await context.outbox.failures(pending)).length, 1)
      assert.deepEqual(await context.outbox.quarantine([]), [])
      const stats = only(await context.outbox.stats())
      assert.deepEqual([stats.ready, stats.scheduled, stats.claimed, stats.delivered, stats.deadLetter],
        [0, 0, 1, 1, 2])
    },
  },
  {
    id: 'quarantine-3', title: 'whatever it waits for: its retry, a look at it alone, a time, its first claim',
    async run(context) {
      const retried = await putRetried(context, {})
      const suspect = await context.put()
      await context.take()
      context.clock.advance(LEASE_MS)
      const { token, message } = await context.takeOne()
      assert.equal(message.id, suspect)
      await context.outbox.release(token, [suspect])
      const scheduled = await context.put({ delayMs: 60_000 })
      const [first = '', second = ''] = await context.putMany(2)
      const ids = [retried, suspect, scheduled, first]
      const stats = only(await context.outbox.stats())
      assert.deepEqual([stats.ready, stats.scheduled], [4, 1])
      assert.deepEqual(await context.outbox.quarantine(ids.map((id) => entry(id))), ids.map(() => 'dead_lettered'))
      const after = only(await context.outbox.stats())
      assert.deepEqual([after.ready, after.scheduled, after.claimed, after.delivered, after.deadLetter],
        [1, 0, 0, 0, 4])
      assert.deepEqual(idsOf(await context.outbox.list({ status: 'dead_letter' })), ids)
      assert.deepEqual(idsOf(await context.outbox.list({ status: 'pending' })), [second])
      context.clock.advance(60_000)
      assert.deepEqual(await context.drain(), [second])
      assert.deepEqual(await Promise.all(ids.map(async (id) => (await context.get(id)).attemptCount)), [1, 1, 0, 0])
      await context.outbox.redrive(ids)
      assert.deepEqual((await context.drain()).toSorted(), ids)
    },
  },
  {
    id: 'quarantine-4', title: 'a message in a claim whose lease has run out is claimed, until somebody ends that',
    async run(context) {
      const id = await context.put()
      const { token } = await context.takeOne()
      context.clock.advance(LEASE_MS)
      assert.deepEqual(await context.outbox.quarantine([entry(id)]), ['skipped'])
      assert.equal(await context.outbox.ack(id, token), true)
      assert.deepEqual(await context.outbox.quarantine([entry(id)]), ['skipped'])
      assert.equal((await context.get(id)).status, 'delivered')
    },
  },
  ...orderCases(),
  {
    id: 'quarantine-7', title: 'in a queue of several scopes, whatever a claim has passed over',
    async run(context) {
      await context.putMany(9, { scope: 'giant' })
      await context.putMany(3, { scope: 'tenant-1' })
      await context.ackAll(await context.take({ limit: 4 }))
      const waiting = idsOf(await context.outbox.list({ status: 'pending' }))
      assert.equal(waiting.length, 8)
      const moved = waiting.filter((_, n) => n % 2 === 1)
      const kept = waiting.filter((_, n) => n % 2 === 0)
      assert.deepEqual(await context.outbox.quarantine(moved.map((id) => entry(id))), moved.map(() => 'dead_lettered'))
      const stats = only(await context.outbox.stats())
      assert.deepEqual([stats.ready, stats.delivered, stats.deadLetter], [4, 4, 4])
      assert.deepEqual((await context.drain()).toSorted(), kept)
      await context.outbox.redrive(moved)
      assert.deepEqual((await context.drain()).toSorted(), moved)
    },
  },
  {
    id: 'quarantine-8', title: 'through a view, another scope\'s message is unknown',
    async run(context) {
      const views = ['a', 'b'].map((name) => outboxOf(new ScopedOutboxStore(context.store, scopeId(name))))
      const [a = context.outbox, b = context.outbox] = views
      const { id } = await a.enqueueAlone(draftOf({}))
      assert.deepEqual(await b.quarantine([entry(id)]), ['skipped'])
      assert.equal((await a.get(id))?.status, 'pending')
      assert.deepEqual(await a.quarantine([entry(id)]), ['dead_lettered'])
      assert.deepEqual(await b.redrive([id]), ['not_dead'])
    },
  },
  {
    id: 'quarantine-9', title: 'a call whose answer was lost has moved all; repeated, it skips them and adds nothing',
    async run(context) {
      const outbox = outboxOf(faultyOutboxStore(context.store, { quarantine: ['before', 'after'] }))
      const ids = await context.putMany(3)
      const call = (): Promise<unknown> => outbox.quarantine(ids.map((id) => entry(id)))
      await rejectsWith('STORE_UNAVAILABLE', call)
      assert.equal((await context.outbox.list({ status: 'pending' })).length, 3)
      await rejectsWith('STORE_UNAVAILABLE', call)
      assert.equal((await context.outbox.list({ status: 'dead_letter' })).length, 3)
      assert.deepEqual(await call(), ['skipped', 'skipped', 'skipped'])
      for (const id of ids) assert.equal((await context.outbox.failures(id)).length, 1)
    },
  },
  {
    id: 'quarantine-10', title: 'beside claims, acks and retries: each message is moved once, or delivered, never both',
    settings: { realClock: true },
    run: (context) => beside(context),
  },
  {
    id: 'quarantine-11', title: 'entries are checked: a count from 1, at most 1,000 of them',
    async run(context) {
      const id = await context.put()
      for (const failures of [0, -1, 1.5, Number.NaN]) {
        const error = await rejectsWith('VALIDATION', () => context.outbox.quarantine([entry(id, failures)]))
        assert.equal(error.details['field'], 'entries[0].failures')
      }
      await rejectsWith('VALIDATION', () =>
        context.outbox.quarantine(Array.from({ length: 1_001 }, () => entry(id))))
      const large = { id, failures: 2 ** 40, error: `\u0000${'x'.repeat(9_000)}` }
      assert.deepEqual(await context.outbox.quarantine([large]), ['dead_lettered'])
      const failure = only(await context.outbox.failures(id))
      assert.match(failure.error, /^quarantined after 1099511627776 failures: \uFFFDx+…$/)
      assert.ok(failure.error.length < 2_100)
    },
  },
]

/** A case for each ordering. */
function orderCases(): OutboxCase[] {
  return (['block', 'skip'] as const).map((ordering, n) => ({
    id: `quarantine-${n + 5}`,
    title: ordering === 'block'
      ? 'in a `block` lane it keeps its place and its key back, wherever in the line it was'
      : 'in a `skip` lane its key goes on behind it',
    run: (context) => inLine(context, ordering),
  }))
}

/** The front, one in the middle, and one that is not read yet. */
async function inLine(context: OutboxContext, ordering: LaneOrdering): Promise<void> {
  await context.store.migrate({ [LANE]: ordering })
  for (const place of [0, 2, 4]) {
    for (const passed of [false, true]) {
      const key = `k-${place}-${passed}`
      const ids = await context.putMany(5, { key })
      const delivered: string[] = []
      if (passed) {
        // While its first is claimed, the others of the key are passed over.
        const { token, message } = await context.takeOne()
        assert.equal(message.id, ids[0])
        await context.nothingDue()
        // Where it is the one that is moved, those behind it must not wait for its time.
        const retryInMs = place === 0 ? 60_000 : 0
        await context.settleOne(token, { id: message.id, kind: 'retry', error: 'busy', retryInMs })
      }
      const id = ids[place] ?? ''
      assert.deepEqual(await context.outbox.quarantine([entry(id)]), ['dead_lettered'])
      delivered.push(...await context.drain())
      assert.deepEqual(delivered, ids.filter((_, n) => (ordering === 'block' ? n < place : n !== place)), key)
      assert.deepEqual(await context.outbox.redrive([id]), ['redriven'])
      assert.deepEqual(await context.drain(), ordering === 'block' ? ids.slice(place) : [id], key)
    }
  }
  const alone = await context.put({ key: 'alone' })
  await context.outbox.quarantine([entry(alone)])
  await context.outbox.discard([alone])
  await context.nothingDue()
  // Nothing of any line is left.
  await context.store.migrate({ [LANE]: 'none' })
}

async function beside(context: OutboxContext): Promise<void> {
  const ids = await context.putMany(200, { maxAttempts: 1_000 })
  const [delivered, moved] = [new Set<string>(), new Set<string>()]
  const isDone = (): boolean => delivered.size + moved.size >= ids.length
  const random = seededRandom(context.options.seed)
  const worker = async (n: number): Promise<void> => {
    for (let idle = 0; !isDone() && idle < 20_000;) {
      const claim = await context.claim({ limit: 7, consumer: `worker-${n}`, leaseMs: 600_000 })
      if (claim === null) {
        idle += 1
        await pause(1)
        continue
      }
      for (const { id } of claim.messages) assert.ok(!moved.has(id), `${id} was claimed after it was moved`)
      const kinds = claim.messages.map(() => random.pick(['ack', 'retry', 'retry', 'release'] as const))
      const answers = await context.outbox.settle(claim.token, claim.messages.map(({ id }, place) => {
        const kind = kinds[place] ?? 'release'
        return kind === 'retry' ? { id, kind, error: 'busy', retryInMs: random.integer(0, 3) } : { id, kind }
      }))
      claim.messages.forEach(({ id }, place) => {
        assert.notEqual(answers[place], 'lost_claim', `${id} was taken out of its claim`)
        if (kinds[place] === 'ack') delivered.add(id)
      })
    }
  }
  const reaper = async (): Promise<void> => {
    for (let rounds = 0; !isDone() && rounds < 20_000; rounds += 1) {
      const some = Array.from({ length: 5 }, () => random.pick(ids))
      const answers = await context.outbox.quarantine(some.map((id) => entry(id)))
      answers.forEach((answer, place) => {
        if (answer === 'skipped') return
        const id = some[place] ?? ''
        assert.ok(!moved.has(id), `${id} was moved twice`)
        moved.add(id)
      })
      await pause(0)
    }
  }
  await Promise.all([worker(1), worker(2), worker(3), reaper(), reaper()])
  assert.equal([...delivered].filter((id) => moved.has(id)).length, 0)
  assert.ok(delivered.size > 0 && moved.size > 0, `${delivered.size} delivered, ${moved.size} moved: nothing was tried`)
  for (const { id, status } of await context.outbox.list({ limit: 1_000 })) {
    assert.equal(status, moved.has(id) ? 'dead_letter' : 'delivered')
  }
}

/** One that has failed once, and waits. */
async function putRetried(context: OutboxContext, draft: DraftPart): Promise<string> {
  return context.putAndSettle(draft, (id) => ({ id, kind: 'retry', error: 'busy', retryInMs: 1_000 }))
}
