/** `inbox-once-*`, `inbox-look-*`, `inbox-validate-*` and `inbox-close-1`: one consumer after another. */
import assert from 'node:assert/strict'
import { DEFAULT_SCOPE, scopeId } from '../../core/scope.js'
import { HOSTILE_TEXTS } from '../checkpoint-suite/context.js'
import { seededRandom } from '../random.js'
import type { InboxCase } from './case.js'
import { CONSUMER, inboxOf, rejectsWith, timeOf, unexpected } from './context.js'

const LONGEST_ID = `${'é'.repeat(511)}xy`

export const onceCases: readonly InboxCase[] = [
  {
    id: 'inbox-once-1', title: 'a message is done once; later the time of that is answered',
    async run(context) {
      const doneAt = context.clock.now()
      assert.deepEqual(await context.deliver('m-1'), { processed: true, value: 'did m-1' })
      context.clock.advance(1_000)
      for (const inbox of [context.inbox, context.otherInbox]) {
        assert.deepEqual(await context.deliver('m-1', inbox),
          { processed: false, reason: 'already_processed', processedAt: doneAt })
      }
      assert.equal((await context.deliver('m-2')).processed, true)
    },
  },
  {
    id: 'inbox-once-2', title: 'each consumer does it once, in each scope',
    async run(context) {
      const inboxes = [context.inbox, context.scoped(scopeId('t-1')), context.scoped(scopeId('t-2'))]
      const done: boolean[] = []
      for (let round = 0; round < 2; round += 1) {
        for (const inbox of [...inboxes, context.scoped(DEFAULT_SCOPE)]) {
          for (const consumer of ['a', 'b', 'A', 'a ']) {
            done.push((await inbox.processAlone(consumer, 'm-1', () => 1)).processed)
          }
        }
      }
      // The view of the default scope is the same as none.
      assert.deepEqual(done, Array.from({ length: 32 }, (_, n) => n < 12))
    },
  },
  {
    id: 'inbox-once-3', title: 'in one transaction the second call finds what the first has done',
    async run(context) {
      const transaction = await context.begin()
      assert.equal(await context.does(transaction, 'm-1'), true)
      for (const onConcurrent of ['wait', 'skip'] as const) {
        const again = await context.inbox.process(transaction.tx, CONSUMER, 'm-1', unexpected, { onConcurrent })
        assert.equal(timeOf(again), context.clock.now())
      }
      await transaction.commit()
      assert.equal(await context.wasDone('m-1'), true)
    },
  },
  {
    id: 'inbox-once-4', title: 'ids and consumers may be anything, and near ones are different',
    async run(context) {
      const texts = [
        ...HOSTILE_TEXTS, 'm', 'M', 'm ', ' m', 'm\u0301', '1', '01', '1.0', '-0', '[]', '["m"]', '\\', '\\x6d', ',',
        '"',
      ].filter((text) => text.trim() !== '')
      const consumers = texts.filter((text) => Buffer.byteLength(text) <= 255)
      for (const ids of [texts, texts.toReversed()]) {
        const isFirst = ids === texts
        const { processed } = await context.opened.store.transaction((tx) => (
          context.inbox.processMany(tx, CONSUMER, ids.map((id) => ({ id })), () => undefined)))
        assert.deepEqual(processed.map(({ id }) => id), isFirst ? ids : [])
        for (const consumer of consumers) {
          const result = await context.inbox.processAlone(consumer, 'of its own', () => undefined)
          assert.equal(result.processed, isFirst, consumer)
        }
      }
      for (const id of texts) assert.equal(await context.wasDone(id), true, id)
    },
  },
  {
    id: 'inbox-once-5', title: 'random deliveries, rollbacks and failures: committed effects are one per message',
    async run(context) {
      for (const seed of context.seeds()) {
        const random = seededRandom(seed)
        const effects = new Map<string, number>()
        for (let delivery = 0; delivery < 30; delivery += 1) {
          const ids = Array.from({ length: random.integer(1, 4) }, () => `${seed}:${random.integer(0, 12)}`)
          const luck = random.next()
          const transaction = await context.begin()
          const done: string[] = []
          try {
            await context.inbox.processMany(transaction.tx, CONSUMER, ids.map((id) => ({ id })), (fresh) => {
              if (luck < 0.2) throw new Error('no')
              done.push(...fresh.map(({ id }) => id))
            })
          } catch (error) {
            assert.equal((error as Error).message, 'no')
          }
          // Also after a failure: what is committed then has no effect, and no record.
          if (luck >= 0.1 && luck < 0.4) await transaction.rollback()
          else {
            await transaction.commit()
            for (const id of done) effects.set(id, (effects.get(id) ?? 0) + 1)
          }
        }
        assert.ok(effects.size > 0)
        for (const [id, count] of effects) assert.equal(count, 1, `${id} was done ${count} times`)
        for (let n = 0; n <= 12; n += 1) {
          assert.equal(await context.wasDone(`${seed}:${n}`), effects.has(`${seed}:${n}`), `${seed}:${n}`)
        }
      }
    },
  },
  {
    id: 'inbox-look-1', title: 'wasProcessed tells of what is committed, of this consumer and scope',
    async run(context) {
      const transaction = await context.begin()
      await context.does(transaction, 'm-1')
      assert.equal(await context.wasDone('m-1'), false)
      await transaction.commit()
      assert.equal(await context.wasDone('m-1'), true)
      assert.equal(await context.otherInbox.wasProcessed(CONSUMER, 'm-1'), true)
      assert.equal(await context.inbox.wasProcessed('another', 'm-1'), false)
      assert.equal(await context.scoped(scopeId('t-1')).wasProcessed(CONSUMER, 'm-1'), false)
    },
  },
  {
    id: 'inbox-look-2', title: 'what is forgotten is done again; others are not forgotten with it',
    async run(context) {
      const other = context.scoped(scopeId('t-1'))
      for (const inbox of [context.inbox, other]) {
        for (const consumer of [CONSUMER, 'another']) await inbox.processAlone(consumer, 'm-1', () => undefined)
      }
      assert.equal(await context.inbox.forget(CONSUMER, 'm-2'), false)
      assert.equal(await context.inbox.forget(CONSUMER, 'm-1'), true)
      assert.equal(await context.inbox.forget(CONSUMER, 'm-1'), false)
      assert.deepEqual([
        await context.wasDone('m-1'), await context.inbox.wasProcessed('another', 'm-1'),
        await other.wasProcessed(CONSUMER, 'm-1'),
      ], [false, true, true])
      assert.equal((await context.deliver('m-1')).processed, true)
    },
  },
  {
    id: 'inbox-validate-1', title: 'what cannot be is refused by name, and the transaction stays usable',
    async run(context) {
      const transaction = await context.begin()
      const refused = async (field: string, work: () => Promise<unknown>): Promise<void> => {
        assert.equal((await rejectsWith('VALIDATION', work)).details['field'], field)
      }
      const { inbox } = context
      const { tx } = transaction
      for (const text of ['', ' ', 'a\u0000b', '\ud800', 7 as unknown as string, `${LONGEST_ID}z`]) {
        await refused('messageId', () => inbox.process(tx, CONSUMER, text, unexpected))
        await refused('messageId', () => inbox.processMany(tx, CONSUMER, [{ id: 'm' }, { id: text }], unexpected))
        await refused('messageId', () => inbox.wasProcessed(CONSUMER, text))
        await refused('consumer', () => inbox.process(tx, text, 'm', unexpected))
        await refused('consumer', () => inbox.forget(text, 'm'))
      }
      await refused('consumer', () => inbox.process(tx, 'x'.repeat(256), 'm', unexpected))
      const unknown = { onConcurrent: 'no' as 'wait' }
      await refused('onConcurrent', () => inbox.process(tx, CONSUMER, 'm', unexpected, unknown))
      await refused('fn', () => inbox.process(tx, CONSUMER, 'm', undefined as unknown as () => void))
      const many = Array.from({ length: 1_001 }, (_, n) => ({ id: `m-${n}` }))
      await refused('messages', () => inbox.processMany(tx, CONSUMER, many, unexpected))
      for (const limit of [0, 1.5, 100_001]) await refused('limit', () => inbox.purge({ limit }))
      for (const olderThanMs of [-1, NaN]) await refused('olderThanMs', () => inbox.purge({ olderThanMs }))
      for (const nothing of [undefined, null]) {
        await rejectsWith('NOT_IN_TRANSACTION', () => inbox.process(nothing, CONSUMER, 'm', unexpected))
      }
      assert.equal(await context.does(transaction, 'm'), true)
      await transaction.commit()
      assert.equal(await context.wasDone('m'), true)
    },
  },
  {
    id: 'inbox-validate-2', title: 'the longest names of scope, consumer and id fit together',
    async run(context) {
      const inbox = context.scoped(scopeId('s'.repeat(512)))
      for (const isNew of [true, false]) {
        const { processed } = await inbox.processAlone(`${'é'.repeat(127)}x`, LONGEST_ID, () => undefined)
        assert.equal(processed, isNew)
      }
    },
  },
  {
    id: 'inbox-close-1', title: 'closed, every call is refused',
    async run(context) {
      const { store } = context.opened
      const transaction = await context.begin()
      await store.close()
      await store.close()
      const inbox = inboxOf(store)
      for (const call of [
        () => inbox.process(transaction.tx, CONSUMER, 'm', unexpected), () => inbox.wasProcessed(CONSUMER, 'm'),
        () => inbox.forget(CONSUMER, 'm'), () => inbox.purge(), () => context.deliver('m', inbox),
      ]) await rejectsWith('CLOSED', call)
    },
  },
]
