/** `order-*`: lanes whose messages follow each other per key. Random histories: order-histories.ts. */
import assert from 'node:assert/strict'
import type { LaneOrdering } from '../../outbox/contract.js'
import type { OutboxCase } from './case.js'
import { idsOf, LANE, LEASE_MS, only, rejectsWith, type DraftPart, type OutboxContext } from './context.js'
import { putDead } from './redrive.js'

const A: DraftPart = { key: 'customer-1' }
const B: DraftPart = { key: 'customer-2' }
const BEHIND = 3_000

/** A case in a lane with this ordering. */
function inLane(
  ordering: LaneOrdering, id: string, title: string, run: (context: OutboxContext) => Promise<void>,
): OutboxCase {
  return {
    id, title: `${ordering}: ${title}`,
    async run(context) {
      await context.store.migrate({ [LANE]: ordering })
      await run(context)
    },
  }
}

export const orderCases: readonly OutboxCase[] = [
  inLane('block', 'order-1', 'while one of a key is claimed, none of that key is; other keys and keyless go on',
    async (context) => {
      const [first = '', second = ''] = await context.putMany(2, A)
      const others = idsOf(await context.enqueue(B, {}))
      const held = await context.takeOne()
      assert.equal(held.message.id, first)
      assert.deepEqual(await context.drain(), others)
      await context.nothingDue()
      assert.equal(await context.outbox.ack(first, held.token), true)
      assert.deepEqual(await context.drain(), [second])
    }),
  inLane('block', 'order-2', 'a claim takes a run of one key in order; until it is settled whole, the key waits',
    async (context) => {
      const ids = await context.putMany(5, A)
      const run = await context.take({ limit: 3 })
      assert.equal(run.ordering, 'block')
      assert.deepEqual(idsOf(run.messages), ids.slice(0, 3))
      await context.outbox.settle(run.token, idsOf(run.messages).slice(0, 2).map((id) => ({ id, kind: 'ack' })))
      await context.nothingDue()
      await context.outbox.ack(ids[2] ?? '', run.token)
      assert.deepEqual(await context.drain(), ids.slice(3))
    }),
  inLane('block', 'order-3', 'a head that waits for its retry keeps its key closed, and comes back first',
    async (context) => {
      const ids = await context.putMany(3, A)
      const { token } = await context.takeOne()
      await context.outbox.nack(ids[0] ?? '', token, 'busy', { retryInMs: 100 })
      const other = await context.put(B)
      assert.deepEqual(await context.drain(), [other])
      context.clock.advance(99)
      await context.nothingDue()
      context.clock.advance(1)
      assert.deepEqual(await drainOneByOne(context), ids)
    }),
  inLane('block', 'order-4', 'a scheduled head keeps its key closed until its time', async (context) => {
    const [head = '', next = ''] = idsOf(await context.enqueue({ ...A, delayMs: 100 }, A))
    const last = await context.put(A)
    await context.nothingDue()
    context.clock.advance(100)
    assert.deepEqual(await drainOneByOne(context), [head, next, last])
  }),
  inLane('block', 'order-5', 'a dead head keeps its key closed until it is redriven, and returns as head',
    async (context) => {
      const head = await putDead(context, A)
      const rest = await context.putMany(2, A)
      const other = await context.put(B)
      assert.deepEqual(await context.drain(), [other])
      context.clock.advance(1_000)
      await context.nothingDue()
      assert.deepEqual(await context.outbox.redrive([head]), ['redriven'])
      assert.deepEqual(await drainOneByOne(context), [head, ...rest])
    }),
  inLane('block', 'order-6', 'a dead head that is discarded, or purged, lets its key go on', async (context) => {
    const discarded = await putDead(context, A)
    const purged = await putDead(context, B)
    const rest = idsOf(await context.enqueue(A, B))
    await context.nothingDue()
    await context.outbox.discard([discarded])
    assert.deepEqual(await context.drain(), rest.slice(0, 1))
    context.clock.advance(10)
    assert.equal((await context.outbox.purge({ deadOlderThanMs: 10 })).deadLetters, 1)
    assert.equal(await context.outbox.get(purged), undefined)
    assert.deepEqual(await context.drain(), rest.slice(1))
  }),
  inLane('skip', 'order-7', 'a dead head lets its key go on; redriven, it is due at once beside a claimed one',
    async (context) => {
      const [head = '', second = '', third = ''] = await context.putMany(3, A)
      const { token } = await context.takeOne()
      await context.nothingDue()
      await context.settleOne(token, { id: head, kind: 'dead', error: 'gone' })
      const held = await context.takeOne()
      assert.equal(held.message.id, second)
      await context.outbox.redrive([head])
      const again = await context.takeOne()
      assert.equal(again.message.id, head)
      assert.equal(again.message.redrivenAt, context.clock.now())
      await context.outbox.nack(head, again.token, 'busy', { retryInMs: 1_000 })
      await context.nothingDue()
      await context.outbox.ack(second, held.token)
      assert.deepEqual(await context.drain(), [third])
      context.clock.advance(1_000)
      assert.deepEqual(await context.drain(), [head])
    }),
  inLane('skip', 'order-8', 'a head that waits for its retry, or for its time, keeps its key closed',
    async (context) => {
      const [head = '', second = ''] = await context.putMany(2, A)
      const [scheduled = '', behind = ''] = idsOf(await context.enqueue({ ...B, delayMs: 10 }, B))
      const { token } = await context.takeOne()
      await context.outbox.nack(head, token, 'busy', { retryInMs: 10 })
      await context.nothingDue()
      context.clock.advance(10)
      assert.deepEqual((await drainOneByOne(context)).toSorted(), [head, second, scheduled, behind].toSorted())
      assert.equal((await context.get(head)).attemptCount, 2)
    }),
  inLane('block', 'order-9', 'what a claim gives back keeps its place', async (context) => {
    const ids = await context.putMany(4, A)
    const run = await context.take({ limit: 3 })
    await context.outbox.settle(run.token, [
      { id: ids[2] ?? '', kind: 'release' }, { id: ids[1] ?? '', kind: 'release' },
    ])
    await context.nothingDue()
    await context.outbox.nack(ids[0] ?? '', run.token, 'busy', { retryInMs: 5 })
    await context.nothingDue()
    context.clock.advance(5)
    assert.deepEqual(await drainOneByOne(context), ids)
  }),
  inLane('block', 'order-10', 'after its lease a run is tried again one by one, in order', async (context) => {
    const ids = await context.putMany(4, A)
    await context.take({ limit: 3 })
    context.clock.advance(LEASE_MS)
    for (const id of ids.slice(0, 3)) {
      const claim = await context.take()
      assert.deepEqual([claim.suspect, only(claim.messages).id], [true, id])
      await context.nothingDue()
      await context.ackAll(claim)
    }
    assert.deepEqual(await context.drain(), ids.slice(3))
  }),
  inLane('block', 'order-11', 'keys are apart by scope and target; without a key there is no order',
    async (context) => {
      const free = await context.putMany(3)
      const targets = [await context.put(A), await context.put({ ...A, target: 'billing' })]
      const held = await context.take({ limit: 2 })
      assert.deepEqual(idsOf(held.messages), free.slice(0, 2))
      assert.deepEqual(idsOf((await context.take({ limit: 1 })).messages), free.slice(2))
      assert.equal((await context.takeOne()).message.id, targets[0])
      assert.equal((await context.takeOne({ target: 'billing' })).message.id, targets[1])
    }),
  {
    id: 'order-12', title: 'an ordering is stored, and changes only when nothing in the lane depends on it',
    async run(context) {
      const { store } = context
      await store.migrate({ [LANE]: 'block', audit: 'skip' })
      await store.migrate()
      assert.deepEqual((await store.settings()).lanes, { [LANE]: 'block', audit: 'skip' })
      const head = await context.put(A)
      const { token } = await context.takeOne()
      await rejectsWith('CONFIG_INVALID', () => store.migrate({ audit: 'none', [LANE]: 'none' }))
      await store.migrate({ [LANE]: 'block' })
      await context.settleOne(token, { id: head, kind: 'dead', error: 'gone' })
      await rejectsWith('CONFIG_INVALID', () => store.migrate({ [LANE]: 'skip' }))
      assert.deepEqual((await store.settings()).lanes, { [LANE]: 'block', audit: 'skip' })
      await context.outbox.discard([head])
      const waiting = await context.putMany(2, A)
      await store.migrate({ [LANE]: 'none' })
      assert.deepEqual(await drainOneByOne(context), waiting)
      assert.equal((await context.outbox.settings()).lanes[LANE], 'none')
    },
  },
  inLane('block', 'order-13', 'a key with thousands waiting, and one of it claimed, is in nobody\'s way',
    async (context) => {
      const hot = await context.putMany(BEHIND, A)
      const held = await context.takeOne()
      const others = [await context.put(B), await context.put()]
      assert.deepEqual(await context.drain(), others)
      assert.deepEqual(await context.drain(), [])
      await context.outbox.ack(held.message.id, held.token)
      assert.deepEqual(await context.drain(), hot.slice(1))
    }),
  inLane('block', 'order-14', 'thousands behind a dead head wait for it, in nobody\'s way', async (context) => {
    const head = await putDead(context, A)
    const hot = await context.putMany(BEHIND, A)
    const other = await context.put(B)
    assert.deepEqual(await context.drain(), [other])
    assert.equal(only(await context.outbox.stats()).ready, BEHIND)
    await context.outbox.redrive([head])
    assert.deepEqual(await context.drain({ limit: 1_000 }), [head, ...hot])
  }),
  inLane('block', 'order-15', 'a time in the past does not let a message overtake its key', async (context) => {
    const ids = [
      await context.put(A), await context.put({ ...A, availableAt: 0 }), await context.put(A),
      await context.put({ ...A, availableAt: 0 }),
    ]
    const free = await context.put({ availableAt: 0 })
    const order = await drainOneByOne(context)
    assert.deepEqual(order.filter((id) => id !== free), ids)
    assert.equal(order[0], free)
  }),
  {
    id: 'order-16', title: 'block: what commits late comes before what was enqueued after that', concurrent: true,
    async run(context) {
      await context.store.migrate({ [LANE]: 'block' })
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, A, { ...A, delayMs: 0 }))
      const between = await context.putMany(2, A)
      const held = await context.takeOne()
      assert.equal(held.message.id, between[0])
      await late.commit()
      const after = await context.putMany(2, A)
      await context.nothingDue()
      await context.outbox.ack(held.message.id, held.token)
      const order = await drainOneByOne(context)
      assert.deepEqual(order.filter((id) => id !== between[1]), [...early, ...after])
    },
    async serial(context) {
      await context.store.migrate({ [LANE]: 'block' })
      const transaction = await context.begin()
      const early = idsOf(await context.enqueueIn(transaction, A, { ...A, delayMs: 0 }))
      await transaction.commit()
      const after = await context.putMany(2, A)
      assert.deepEqual(await drainOneByOne(context), [...early, ...after])
    },
  },
  {
    id: 'order-17', title: 'block: a late message of a closed key waits for it, of an open one does not',
    concurrent: true,
    async run(context) {
      await context.store.migrate({ [LANE]: 'block' })
      const dead = await putDead(context, A)
      const late = await context.begin()
      const [ofA = '', ofB = ''] = idsOf(await context.enqueueIn(late, A, B))
      const rest = idsOf(await context.enqueue(A, B))
      assert.deepEqual(await context.drain(), rest.slice(1))
      await late.commit()
      assert.deepEqual(await context.drain(), [ofB])
      await context.outbox.redrive([dead])
      assert.deepEqual(await drainOneByOne(context), [dead, ofA, rest[0]])
    },
  },
  inLane('block', 'order-18', 'eight relays share forty keys: no overtaking, one run of a key at a time',
    async (context) => {
      await context.enqueue(...Array.from({ length: 600 }, (_, n) => ({ key: `key-${n % 40}` })))
      const started = new Map<string, string[]>()
      const running = new Map<string, string>()
      const work = async (worker: number): Promise<void> => {
        for (let claim = await context.claim({ limit: 7 }); claim !== null; claim = await context.claim({ limit: 7 })) {
          const { token, messages } = claim
          for (const { id, key = '', attemptCount } of messages) {
            assert.ok([undefined, token].includes(running.get(key)), `${key} is claimed twice at once`)
            running.set(key, token)
            if (attemptCount === 1) started.set(key, [...started.get(key) ?? [], id])
          }
          for (const { key = '' } of messages) running.delete(key)
          await context.outbox.settle(token, messages.map(({ id, attemptCount }, n) => (
            attemptCount === 1 && n % 5 === worker % 5
              ? { id, kind: 'retry', error: 'busy', retryInMs: 0 } : { id, kind: 'ack' })))
        }
      }
      await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)))
      await context.drain()
      assert.equal(started.size, 40)
      for (const ids of started.values()) assert.equal(ids.length, 15, 'each message was tried')
      assert.equal(only(await context.outbox.stats()).delivered, 600)
    }),
  inLane('block', 'order-19', 'a dead letter in the middle of a line closes it there, not before', async (context) => {
    const ids = await context.putMany(4, A)
    const run = await context.take({ limit: 3 })
    await context.outbox.settle(run.token, [
      { id: ids[0] ?? '', kind: 'retry', error: 'busy', retryInMs: 0 },
      { id: ids[1] ?? '', kind: 'dead', error: 'gone' },
      { id: ids[2] ?? '', kind: 'release' },
    ])
    assert.deepEqual(await context.drain(), ids.slice(0, 1))
    await context.nothingDue()
    await context.outbox.redrive([ids[1] ?? ''])
    assert.deepEqual(await drainOneByOne(context), ids.slice(1))
  }),
  {
    id: 'order-20', title: 'block: keys of one name in two scopes do not wait for each other',
    async run(context) {
      await context.store.migrate({ [LANE]: 'block' })
      const first = await context.enqueue({ ...A, scope: 'tenant-1' }, { ...A, scope: 'tenant-1' })
      const second = await context.enqueue({ ...A, scope: 'tenant-2' })
      assert.equal((await context.takeOne()).message.id, first[0]?.id)
      assert.equal((await context.takeOne()).message.id, second[0]?.id)
      await context.nothingDue()
    },
  },
]

/** Claims, checks and acks one after another, so that the order is that of the claims. */
async function drainOneByOne(context: OutboxContext): Promise<string[]> {
  return context.drain({ limit: 1 })
}
