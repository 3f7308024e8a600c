/** `inbox-tx-*`: a record lives and dies with its transaction. */
import assert from 'node:assert/strict'
import type { InboxCase } from './case.js'
import { CONSUMER, rejectsWith, unexpected } from './context.js'

export const transactionCases: readonly InboxCase[] = [
  {
    id: 'inbox-tx-1', title: 'rolled back, nothing was done, and the next delivery does it',
    async run(context) {
      for (const onConcurrent of ['wait', 'skip'] as const) {
        const transaction = await context.begin()
        assert.equal(await context.does(transaction, 'm-1', { onConcurrent }), true)
        await transaction.rollback()
        assert.equal(await context.wasDone('m-1'), false)
      }
      assert.equal((await context.deliver('m-1')).processed, true)
    },
  },
  {
    id: 'inbox-tx-2', title: 'a savepoint takes back what was recorded after it, and only that',
    async run(context) {
      const transaction = await context.begin()
      await context.does(transaction, 'a')
      const savepoint = await transaction.savepoint?.()
      if (savepoint === undefined) return
      await context.does(transaction, 'b')
      await context.does(transaction, 'c', { onConcurrent: 'skip' })
      await savepoint.rollback()
      assert.equal(await context.does(transaction, 'c'), true)
      await transaction.commit()
      const done = await Promise.all(['a', 'b', 'c'].map((id) => context.wasDone(id)))
      assert.deepEqual(done, [true, false, true])
      assert.equal((await context.deliver('b')).processed, true)
    },
  },
  {
    id: 'inbox-tx-3', title: 'a transaction that has ended is refused, and nothing is done',
    async run(context) {
      for (const end of ['commit', 'rollback'] as const) {
        const { tx, [end]: finish } = await context.begin()
        await finish()
        await rejectsWith('NOT_IN_TRANSACTION', () => context.inbox.process(tx, CONSUMER, 'm-1', unexpected))
      }
      assert.equal(await context.wasDone('m-1'), false)
    },
  },
  {
    id: 'inbox-tx-4', title: 'where any statement fails, fn is not run, or a rollback leaves nothing', needs: 'faulty',
    async run(context) {
      await context.deliver('a')
      const messages = [{ id: 'a' }, { id: 'b' }, { id: 'c' }]
      for (const onConcurrent of ['wait', 'skip'] as const) {
        for (let failAt = 1; ; failAt += 1) {
          assert.ok(failAt < 20, 'it does not end')
          const { tx, rollback } = await context.begin()
          let isRun = false
          const error = await context.inbox.processMany(context.opened.faulty?.(tx, failAt), CONSUMER, messages, () => {
            isRun = true
            throw new Error('no')
          }, { onConcurrent }).catch((thrown: unknown) => thrown as Error)
          await rollback()
          const done = await Promise.all(messages.map(({ id }) => context.wasDone(id)))
          assert.deepEqual(done, [true, false, false])
          // The last statement takes back, and its failure does not hide what fn failed with.
          assert.equal(isRun, (error as Error).message === 'no')
          if (isRun && failAt > 3) break
        }
      }
    },
  },
]
