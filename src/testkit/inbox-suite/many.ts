/** `inbox-many-*` and `inbox-undo-*`: batches, and what fails after it was recorded. */
import assert from 'node:assert/strict'
import type { InboxCase } from './case.js'
import { CONSUMER, timeOf, unexpected } from './context.js'

const messagesOf = (...ids: readonly string[]): { readonly id: string }[] => ids.map((id) => ({ id }))

export const manyCases: readonly InboxCase[] = [
  {
    id: 'inbox-many-1', title: 'fn is given those that are new, in their order, each id once; the others are told',
    async run(context) {
      const doneAt = context.clock.now()
      await context.deliver('c')
      await context.deliver('a')
      context.clock.advance(5)
      const messages = ['d', 'a', 'b', 'd', 'c', 'b', 'b', '10', '9'].map((id, place) => ({ id, place }))
      const { tx, commit } = await context.begin()
      const result = await context.inbox.processMany(tx, CONSUMER, messages, (fresh, handle) => {
        assert.equal(handle, tx)
        return fresh.map(({ id, place }) => `${id}${place}`)
      })
      await commit()
      assert.deepEqual(result.value, ['d0', 'b2', '107', '98'])
      assert.deepEqual(result.processed, [messages[0], messages[2], messages[7], messages[8]])
      assert.deepEqual(result.skipped.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
        ['a', 'c'].map((id) => ({ id, reason: 'already_processed', processedAt: doneAt })))
      for (const { id } of messages) assert.equal(await context.wasDone(id), true)
    },
  },
  {
    id: 'inbox-many-2', title: 'fn is not called when nothing is new',
    async run(context) {
      await context.deliver('a')
      const { tx } = await context.begin()
      for (const messages of [messagesOf('a', 'a'), []]) {
        const result = await context.inbox.processMany(tx, CONSUMER, messages, unexpected)
        assert.deepEqual([result.processed, result.value, result.skipped.length], [[], undefined, messages.length / 2])
      }
    },
  },
  {
    id: 'inbox-many-3', title: 'a thousand at once, and again by both forms',
    async run(context) {
      const messages = Array.from({ length: 1_000 }, (_, n) => ({ id: `m-${(n * 7) % 1_000}` }))
      for (const onConcurrent of ['skip', 'wait', 'skip'] as const) {
        const isFirst = !await context.wasDone('m-0')
        const { processed, skipped } = await context.opened.store.transaction((tx) => (
          context.inbox.processMany(tx, CONSUMER, messages, () => undefined, { onConcurrent })))
        assert.deepEqual([processed.length, skipped.length], isFirst ? [1_000, 0] : [0, 1_000])
      }
    },
  },
  {
    id: 'inbox-undo-1', title: 'fn fails: its error passes, and who commits all the same has recorded nothing',
    async run(context) {
      const reason = new Error('the effect failed')
      for (const onConcurrent of ['wait', 'skip'] as const) {
        const { tx, commit } = await context.begin()
        const fails = async (): Promise<never> => { throw reason }
        await assert.rejects(context.inbox.process(tx, CONSUMER, 'm-1', fails, { onConcurrent }), reason)
        await commit()
        assert.equal(await context.wasDone('m-1'), false)
      }
      await assert.rejects(context.inbox.processAlone(CONSUMER, 'm-1', () => { throw reason }), reason)
      assert.equal((await context.deliver('m-1')).processed, true)
    },
  },
  {
    id: 'inbox-undo-2', title: 'of a batch that fails those are taken back that were new in it, and no others',
    async run(context) {
      const doneAt = context.clock.now()
      await context.deliver('a')
      const transaction = await context.begin()
      assert.equal(await context.does(transaction, 'b'), true)
      await assert.rejects(
        context.inbox.processMany(transaction.tx, CONSUMER, messagesOf('d', 'c', 'b', 'a'), (fresh) => {
          assert.deepEqual(fresh, messagesOf('d', 'c'))
          throw new Error('no')
        }), { message: 'no' })
      await transaction.commit()
      const done = await Promise.all(['a', 'b', 'c', 'd'].map((id) => context.wasDone(id)))
      assert.deepEqual(done, [true, true, false, false])
      assert.equal(timeOf(await context.deliver('a')), doneAt)
    },
  },
  {
    id: 'inbox-undo-3', title: 'taken back, it can be done in the same transaction, and undone by a savepoint',
    async run(context) {
      const transaction = await context.begin()
      const { tx } = transaction
      const attempt = (): Promise<boolean> => context.inbox.process(tx, CONSUMER, 'm-1', () => { throw new Error() })
        .then(({ processed }) => processed, () => false)
      assert.deepEqual([await attempt(), await attempt()], [false, false])
      const savepoint = await transaction.savepoint?.()
      assert.equal(await context.does(transaction, 'm-1'), true)
      if (savepoint !== undefined) {
        await savepoint.rollback()
        assert.equal(await context.does(transaction, 'm-1'), true)
      }
      assert.equal(await context.does(transaction, 'm-1'), false)
      await transaction.commit()
      assert.equal(await context.wasDone('m-1'), true)
    },
  },
]
