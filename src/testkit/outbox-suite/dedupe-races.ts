/** `dedupe-20…`: one key in two transactions that are open at the same time. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { EnqueueResult } from '../../outbox/message.js'
import type { OutboxCase } from './case.js'
import { draftOf, idsOf, only, outcomeOf, rejectsWith, type OutboxContext } from './context.js'
import type { Isolation } from '../open-transactions.js'

const KEY = { dedupeKey: 'order-7' }
const OTHER = { ...KEY, payload: 'other' }
const FIFTY = Array.from({ length: 50 }, (_, n) => ({ dedupeKey: `key-${n}` }))

export const dedupeRaceCases: readonly OutboxCase[] = [
  {
    id: 'dedupe-20', title: 'the second waits; the first commits; the second answers the first message',
    concurrent: true,
    async run(context) {
      const { first, second, answer } = await holdAndWait(context, 'read committed', KEY)
      await first.commit()
      const again = only(await answer)
      assert.deepEqual({ id: again.id, created: again.created }, { id: first.id, created: false })
      assert.equal(again.message?.id, first.id)
      const more = idsOf(await context.enqueueIn(second, {}))
      await second.commit()
      assert.deepEqual(idsOf(await context.outbox.list()), [first.id, ...more])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-21',
    title: 'the second waits; the first commits other content; the second gets CONFLICT and goes on',
    concurrent: true,
    async run(context) {
      const { first, second, answer } = await holdAndWait(context, 'read committed', OTHER)
      const conflict = rejectsWith('CONFLICT', () => answer)
      await first.commit()
      await conflict
      const more = idsOf(await context.enqueueIn(second, {}))
      await second.commit()
      assert.deepEqual(idsOf(await context.outbox.list()), [first.id, ...more])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-22', title: 'the second waits; the first rolls back; the second makes its message',
    concurrent: true,
    run: (context) => secondCreates(context, 'read committed'),
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-23',
    title: 'repeatable read: the first commits; the second, or its retry after an abort, answers it',
    concurrent: true,
    async run(context) {
      const { first, second, answer } = await holdAndWait(context, 'repeatable read', KEY)
      const outcome = outcomeOf(answer)
      await first.commit()
      assertSeenOrAborted(await outcome, first.id)
      await second.rollback()
      assert.equal(only(await context.enqueue(KEY)).id, first.id)
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-24', title: 'repeatable read: a key committed after the snapshot is not made twice',
    concurrent: true,
    async run(context) {
      const second = await context.begin('repeatable read')
      await context.enqueueIn(second, {})
      const id = await context.put(KEY)
      assertSeenOrAborted(await outcomeOf(context.enqueueIn(second, KEY)), id)
      await second.rollback()
      assert.deepEqual(idsOf(await context.outbox.list()), [id])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-25', title: 'repeatable read: the first rolls back; the second makes its message',
    concurrent: true,
    run: (context) => secondCreates(context, 'repeatable read'),
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-26',
    title: 'several wait for one key; when it is free one makes the message, the others answer it',
    concurrent: true,
    async run(context) {
      const holder = await context.begin()
      await context.enqueueIn(holder, OTHER)
      const waiting = [1, 2, 3].map(() => context.enqueue(KEY))
      await context.roundTrips()
      await holder.rollback()
      const results = (await Promise.all(waiting)).flat()
      assert.equal(results.filter(({ created }) => created).length, 1)
      assert.deepEqual(idsOf(await context.outbox.list()), [...new Set(idsOf(results))])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-27', title: 'other keys, and messages without one, wait for nobody', concurrent: true,
    async run(context) {
      const holder = await context.begin()
      const held = idsOf(await context.enqueueIn(holder, KEY))
      const free = idsOf(await context.enqueue({}, { dedupeKey: 'another' }, { ...KEY, lane: 'another' }))
      assert.deepEqual(idsOf(await context.outbox.list()), free)
      await holder.commit()
      assert.deepEqual(idsOf(await context.outbox.list()), [...held, ...free])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'dedupe-28',
    title: 'two batches of fifty keys in opposite order at once: no deadlock, fifty messages',
    concurrent: true,
    run: (context) => oppositeBatches(async (drafts) => {
      const transaction = await context.begin()
      const results = await context.enqueueIn(transaction, ...drafts)
      await transaction.commit()
      return results
    }),
    serial: (context) => oppositeBatches((drafts) => context.enqueue(...drafts)),
  },
]

type Outcome = { value: readonly EnqueueResult[] } | { error: unknown }

/** The first transaction holds the key, the second asks for it and does not get an answer yet. */
async function holdAndWait(context: OutboxContext, isolation: Isolation, draft: typeof KEY) {
  const first = await context.begin(isolation)
  const { id } = only(await context.enqueueIn(first, KEY))
  const second = await context.begin(isolation)
  let answered = false
  const answer = context.enqueueIn(second, draft).finally(() => { answered = true })
  // Handled by the case; here only so that a rejection before it looks is not reported as unhandled.
  answer.catch(() => undefined)
  await context.roundTrips()
  assert.equal(answered, false, 'the second did not wait for the first')
  return { first: { ...first, id }, second, answer }
}

async function secondCreates(context: OutboxContext, isolation: Isolation): Promise<void> {
  const { first, second, answer } = await holdAndWait(context, isolation, OTHER)
  await first.rollback()
  const result = only(await answer)
  assert.equal(result.created, true)
  await second.commit()
  assert.deepEqual(idsOf(await context.outbox.list()), [result.id])
}

function assertSeenOrAborted(outcome: Outcome, id: string): void {
  if ('error' in outcome) {
    assert.ok(isWaybillError(outcome.error, 'TRANSACTION_ABORTED'), `unexpected ${String(outcome.error)}`)
    assert.equal(outcome.error.retryable, true)
  } else assert.deepEqual(outcome.value.map((each) => [each.id, each.created]), [[id, false]])
}

type Enqueue = (drafts: typeof FIFTY) => Promise<readonly EnqueueResult[]>

async function oppositeBatches(enqueue: Enqueue): Promise<void> {
  for (let round = 0; round < 3; round += 1) {
    const drafts = FIFTY.map(({ dedupeKey }) => ({ dedupeKey: `${round}-${dedupeKey}` }))
    const [forth, back] = await Promise.all([enqueue(drafts), enqueue(drafts.toReversed())])
    assert.deepEqual(idsOf(forth), idsOf(back).toReversed())
    assert.equal([...forth, ...back].filter(({ created }) => created).length, 50)
  }
}

/** With one writer at a time: the second comes after the first has committed, or has rolled back. */
async function oneAfterAnother(context: OutboxContext): Promise<void> {
  const dropped = await context.begin()
  await context.enqueueIn(dropped, OTHER)
  await dropped.rollback()
  const first = await context.begin()
  const { id, created } = only(await context.enqueueIn(first, KEY))
  assert.equal(created, true)
  await first.commit()
  const second = await context.begin()
  assert.equal(only(await context.enqueueIn(second, KEY)).id, id)
  await rejectsWith('CONFLICT', () => context.outbox.enqueueMany(second.tx, [draftOf(OTHER)]))
  await second.commit()
  assert.deepEqual(idsOf(await context.outbox.list()), [id])
}
