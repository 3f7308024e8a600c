/** `late-*`: messages that become visible behind others which were already claimed are found, once each. */
import assert from 'node:assert/strict'
import { forEachSeed } from '../random.js'
import type { OutboxCase } from './case.js'
import { idsOf, type OutboxContext } from './context.js'
import type { OpenTransaction } from '../open-transactions.js'

export const lateCases: readonly OutboxCase[] = [
  {
    id: 'late-1', title: 'an earlier id commits after later ones were delivered', concurrent: true,
    async run(context) {
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, {}, {}))
      const rest = await context.putMany(3)
      assert.deepEqual(await context.drain(), rest)
      await context.nothingDue()
      await late.commit()
      assert.deepEqual(await context.drain(), early)
      await context.nothingDue()
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-2', title: 'an earlier id commits after many claims of later ones', concurrent: true,
    async run(context) {
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, {}))
      const rest = await context.putMany(2_000)
      assert.deepEqual(await context.drain({ limit: 90 }), rest)
      await late.commit()
      assert.deepEqual(await context.drain({ limit: 90 }), early)
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-3', title: 'an earlier transaction that rolls back late leaves nothing', concurrent: true,
    async run(context) {
      const late = await context.begin()
      await context.enqueueIn(late, {}, {})
      const rest = await context.putMany(3)
      assert.deepEqual(await context.drain({ limit: 2 }), rest)
      await late.rollback()
      await context.nothingDue()
      assert.deepEqual(idsOf(await context.outbox.list()), rest)
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-4', title: 'a late transaction keeps what its savepoint did not undo', concurrent: true,
    run: (context) => undoesToSavepoint(context, true),
    serial: (context) => undoesToSavepoint(context, false),
  },
  {
    id: 'late-5', title: 'a writer stays open while a hundred others commit and are delivered, then commits',
    concurrent: true,
    async run(context) {
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, {}))
      for (let round = 0; round < 100; round += 1) {
        const id = await context.put()
        assert.deepEqual(await context.drain(), [id])
      }
      early.push(...idsOf(await context.enqueueIn(late, {})))
      await late.commit()
      assert.deepEqual(await context.drain(), early)
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-6',
    title: 'a late transaction of 3,000 messages, larger than many claims, comes whole and in order',
    concurrent: true,
    async run(context) {
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, ...Array.from({ length: 3_000 }, () => ({}))))
      const rest = await context.putMany(500)
      assert.deepEqual(await context.drain({ limit: 200 }), rest)
      await late.commit()
      assert.deepEqual(await context.drain({ limit: 170 }), early)
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-7', title: 'writers that commit in the reverse order of their ids', concurrent: true,
    async run(context) {
      const writers: { transaction: OpenTransaction<unknown>; ids: string[] }[] = []
      for (let n = 0; n < 4; n += 1) {
        const transaction = await context.begin()
        writers.push({ transaction, ids: idsOf(await context.enqueueIn(transaction, {}, {})) })
      }
      for (const { transaction, ids } of writers.reverse()) {
        await transaction.commit()
        assert.deepEqual(await context.drain({ limit: 1 }), ids)
      }
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-8', title: 'a late message whose neighbours were delivered and deleted', concurrent: true,
    settings: { retainDeliveredMs: 0 },
    async run(context) {
      const before = await context.put()
      const late = await context.begin()
      const early = idsOf(await context.enqueueIn(late, {}))
      const after = await context.put()
      assert.deepEqual(await context.drain(), [before, after])
      await late.commit()
      assert.deepEqual(await context.drain(), early)
      assert.deepEqual(await context.outbox.list(), [])
    },
    serial: commitsInOrder,
  },
  {
    id: 'late-9',
    title: 'property: any interleaving of writers and claims delivers what committed, once each',
    concurrent: true,
    run: (context) => forEachSeed(context.seeds(8), async (random, seed) => {
      const lane = `lane-${seed}`
      const open: { transaction: OpenTransaction<unknown>; ids: string[] }[] = []
      const [committed, claimed] = [new Set<string>(), [] as string[]]
      for (let step = 0; step < 30 || open.length > 0; step += 1) {
        const kind = step < 30 ? random.integer(0, 3) : 1
        if (kind === 0 && open.length < 4) open.push({ transaction: await context.begin(), ids: [] })
        const writer = open.length === 0 ? undefined : random.pick(open)
        if (kind === 1 && writer !== undefined) {
          open.splice(open.indexOf(writer), 1)
          if (random.next() < 0.25) await writer.transaction.rollback()
          else {
            await writer.transaction.commit()
            for (const id of writer.ids) committed.add(id)
          }
        }
        if (kind === 2 && writer !== undefined) {
          writer.ids.push(...idsOf(await context.enqueueIn(writer.transaction, { lane })))
        }
        if (kind === 3) claimed.push(...await claimOnce(context, lane, random.integer(1, 3)))
      }
      claimed.push(...await context.drain({ lane }))
      assert.equal(new Set(claimed).size, claimed.length, 'a message was claimed twice')
      assert.deepEqual(claimed.toSorted(), [...committed].toSorted())
    }),
    serial: commitsInOrder,
  },
]

/** With one writer at a time nothing comes late; ids follow commits, and what rolled back leaves no trace. */
async function commitsInOrder(context: OutboxContext): Promise<void> {
  for (let round = 0; round < 10; round += 1) {
    const dropped = await context.begin()
    await context.enqueueIn(dropped, {})
    await dropped.rollback()
    const kept = await context.begin()
    const ids = idsOf(await context.enqueueIn(kept, {}, {}))
    await kept.commit()
    assert.deepEqual(await context.drain({ limit: 1 }), ids)
  }
}

async function undoesToSavepoint(context: OutboxContext, late: boolean): Promise<void> {
  const transaction = await context.begin()
  const kept = idsOf(await context.enqueueIn(transaction, {}))
  const savepoint = await transaction.savepoint?.()
  if (savepoint !== undefined) {
    await context.enqueueIn(transaction, {}, { dedupeKey: 'undone' })
    await savepoint.rollback()
  }
  kept.push(...idsOf(await context.enqueueIn(transaction, {})))
  if (late) {
    const other = await context.put()
    assert.deepEqual(await context.drain(), [other])
  }
  await transaction.commit()
  assert.deepEqual(await context.drain(), kept)
  const [again] = await context.enqueue({ dedupeKey: 'undone' })
  assert.equal(again?.created, true, 'an undone message holds its dedupe key')
}

async function claimOnce(context: OutboxContext, lane: string, limit: number): Promise<string[]> {
  const claim = await context.claim({ lane, limit })
  if (claim === null) return []
  await context.ackAll(claim)
  return idsOf(claim.messages)
}
