/** `inbox-race-*` and `inbox-iso-1`: the same message in two open transactions. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { InboxCase } from './case.js'
import { CONSUMER, type InboxContext, outcomeOf, timeOf, unexpected } from './context.js'

const BOTH = ['commit', 'rollback'] as const

/** One after another, where there is no other way. */
async function oneAfterAnother(context: InboxContext): Promise<void> {
  for (const end of BOTH) {
    const first = await context.begin()
    assert.equal(await context.does(first, end, { onConcurrent: 'skip' }), true)
    await first[end]()
    const second = await context.begin()
    assert.equal(await context.does(second, end, { onConcurrent: 'skip' }), end === 'rollback')
    await second.commit()
  }
}

export const raceCases: readonly InboxCase[] = [
  {
    id: 'inbox-race-1', title: 'while another does it, a second waits; after the commit it has nothing to do',
    concurrent: true,
    async run(context) {
      const [first, second] = [await context.begin(), await context.begin()]
      assert.equal(await context.does(first, 'm-1'), true)
      const held = context.begun(context.inbox.process(second.tx, CONSUMER, 'm-1', unexpected))
      assert.ok(await held.isWaiting(), 'the second did not wait for the end of the first')
      await first.commit()
      assert.equal(timeOf(await held.outcome), context.clock.now())
      // Its transaction is as usable as before.
      assert.equal(await context.does(second, 'm-2'), true)
      await second.commit()
      assert.equal(await context.wasDone('m-2'), true)
    },
    serial: oneAfterAnother,
  },
  {
    id: 'inbox-race-2', title: 'while another does it, a second waits; after the rollback it does it', concurrent: true,
    async run(context) {
      const [first, second] = [await context.begin(), await context.begin()]
      assert.equal(await context.does(first, 'm-1'), true)
      const held = context.begun(context.does(second, 'm-1'))
      assert.ok(await held.isWaiting(), 'the second did not wait for the end of the first')
      await first.rollback()
      assert.equal(await held.outcome, true)
      assert.equal(await context.wasDone('m-1'), false)
      await second.commit()
      assert.equal(await context.wasDone('m-1'), true)
    },
    serial: oneAfterAnother,
  },
  {
    id: 'inbox-race-3', title: 'told to skip, the second is told at once, and its transaction stays usable',
    concurrent: true,
    async run(context) {
      for (const end of BOTH) {
        const [first, second] = [await context.begin(), await context.begin()]
        assert.equal(await context.does(first, end), true)
        const skip = { onConcurrent: 'skip' } as const
        const result = await context.inbox.process(second.tx, CONSUMER, end, unexpected, skip)
        assert.deepEqual(result, { processed: false, reason: 'in_progress' })
        assert.equal(await context.does(second, `${end} and another`, skip), true)
        await first[end]()
        assert.equal(await context.does(second, end, skip), end === 'rollback')
        await second.commit()
        assert.deepEqual([await context.wasDone(end), await context.wasDone(`${end} and another`)], [true, true])
      }
    },
    serial: oneAfterAnother,
  },
  {
    id: 'inbox-race-4', title: 'of a batch that skips, those in progress elsewhere are left out, and no others',
    concurrent: true,
    async run(context) {
      await context.deliver('done')
      const [first, second] = [await context.begin(), await context.begin()]
      for (const id of ['b', 'd']) await context.does(first, id, { onConcurrent: 'skip' })
      const messages = ['e', 'd', 'c', 'done', 'b', 'a'].map((id) => ({ id }))
      const result = await context.inbox.processMany(second.tx, CONSUMER, messages, (fresh) => (
        fresh.map(({ id }) => id)), { onConcurrent: 'skip' })
      assert.deepEqual(result.value, ['e', 'c', 'a'])
      assert.deepEqual(new Map(result.skipped.map(({ id, reason }) => [id, reason])), new Map([
        ['b', 'in_progress'], ['d', 'in_progress'], ['done', 'already_processed'],
      ]))
      await first.rollback()
      await second.commit()
      const done = await Promise.all(messages.map(({ id }) => context.wasDone(id)))
      assert.deepEqual(done, [true, false, true, true, false, true])
    },
    serial: oneAfterAnother,
  },
  {
    id: 'inbox-race-5', title: 'batches of the same messages in any order do not abort each other; each is done once',
    async run(context) {
      const ids = Array.from({ length: 40 }, (_, n) => ({ id: `m-${n}` }))
      const orders = [ids, ids.toReversed(), [...ids.slice(20), ...ids.slice(0, 20)], ids.toReversed()]
      const done = await Promise.all(orders.map(async (order, n) => {
        const { store, other } = context.opened
        const inbox = n % 2 === 0 ? context.inbox : context.otherInbox
        const { processed } = await (n % 2 === 0 ? store : other).transaction((tx) => (
          inbox.processMany(tx, CONSUMER, order, () => undefined)))
        return processed.map(({ id }) => id)
      }))
      assert.deepEqual(done.flat().toSorted(), ids.map(({ id }) => id).toSorted())
    },
  },
  {
    id: 'inbox-race-6', title: 'many deliveries of the same messages at once, on two handles: one effect for each',
    async run(context) {
      const effects: string[] = []
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(Array.from({ length: 12 }, async (_, n) => {
          const id = `${round}:${n % 3}`
          const { processed } = await context.deliver(id, n % 2 === 0 ? context.inbox : context.otherInbox)
          if (processed) effects.push(id)
        }))
      }
      assert.equal(effects.length, 15)
      assert.equal(new Set(effects).size, 15)
    },
  },
  {
    id: 'inbox-iso-1', title: 'at stricter isolations the second may be aborted, and never does it too',
    concurrent: true,
    async run(context) {
      for (const isolation of ['repeatable read', 'serializable'] as const) {
        for (const onConcurrent of ['wait', 'skip'] as const) {
          const id = `${isolation} ${onConcurrent}`
          const [first, second] = [await context.begin(isolation), await context.begin(isolation)]
          // From here on it sees nothing that is committed later.
          await context.does(second, `${id} its own`)
          assert.equal(await context.does(first, id), true)
          await first.commit()
          const outcome = await outcomeOf(context.does(second, id, { onConcurrent }))
          if ('error' in outcome) {
            assert.ok(isWaybillError(outcome.error, 'TRANSACTION_ABORTED'), String(outcome.error))
            assert.equal(outcome.error.retryable, true)
          } else assert.equal(outcome.value, false)
          await second.rollback()
          assert.equal(typeof timeOf(await context.deliver(id)), 'number')
        }
      }
    },
    serial: oneAfterAnother,
  },
]
