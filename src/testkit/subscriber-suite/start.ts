/** `start-*`: where a new subscriber begins, and what it refuses to begin with. */
import assert from 'node:assert/strict'
import type { FeedStore } from '../../feeds/contract.js'
import type { SubscriberCase } from './case.js'
import { FEED, withMethod, type ProcessOptions } from './context.js'

const nothing = (): undefined => undefined

export const startCases: readonly SubscriberCase[] = [
  {
    id: 'B-64', title: 'a fresh subscriber gets no history, and all that comes after it has started',
    async run(context) {
      await context.commit(3)
      const each = await context.started()
      assert.equal((await context.checkpoint())?.sequence, 3n, 'stored before anything is delivered')
      const names = await context.commit(2)
      await each.subscriber.drain()
      assert.deepEqual(each.calls, names)
      assert.equal((await context.checkpoint())?.sequence, 5n)
    },
  },
  {
    id: 'start-1', title: 'of a feed that was not there, everything is delivered, also after a restart between',
    async run(context) {
      const first = await context.run()
      const names = await context.commit(3)
      const second = await context.run()
      assert.deepEqual([first.calls, second.calls], [[], names])
    },
  },
  {
    id: 'start-2', title: 'earliest begins with the first result that is kept',
    async run(context) {
      const names = await context.commit(5, FEED, { capacity: 3 })
      const each = await context.run({ start: 'earliest' })
      assert.deepEqual(each.calls, names.slice(2))
      assert.equal((await context.run({ start: 'earliest' })).calls.length, 0)
    },
  },
  {
    id: 'B-48', title: 'a snapshot gives every row, and its sequence is the checkpoint; results follow it',
    async run(context) {
      await context.commit(9)
      const each = await context.started({ start: 'snapshot', onSnapshot: nothing })
      await each.subscriber.drain()
      const [taken, ...others] = each.snapshots
      assert.deepEqual([taken?.sequence, taken?.rows.size, taken?.isReset, others.length], [9n, 7, false, 0])
      assert.equal((await context.checkpoint())?.sequence, 9n)
      const names = await context.commit(2)
      await each.subscriber.drain()
      assert.deepEqual(each.calls, names)
      await each.subscriber.stop()
      const next = await context.run({ start: 'snapshot', onSnapshot: nothing })
      assert.deepEqual([next.calls, next.snapshots], [[], []])
    },
  },
  {
    id: 'start-3', title: 'what is committed while the snapshot is taken comes as results',
    async run(context) {
      await context.commit(2)
      const each = await context.started({
        start: 'snapshot', onSnapshot: async () => void await context.commit(2),
      })
      await context.until(() => each.calls.length === 2)
      assert.deepEqual([each.snapshots[0]?.sequence, each.calls], [2n, ['orders:3', 'orders:4']])
    },
  },
  {
    id: 'start-4', title: 'a snapshot that fails is tried again, and one that a crash cut short is repeated',
    async run(context) {
      await context.commit(2)
      const dying = context.process({ start: 'snapshot', onSnapshot: () => dying.kill() })
      await dying.subscriber.start()
      await context.until(() => dying.isDead)
      assert.equal(await context.checkpoint(), undefined)
      let left = 2
      const each = await context.started({
        start: 'snapshot', onFailure: 'dead_letter', maxAttempts: 1,
        onSnapshot: (_snapshot, { attempt }) => {
          left -= 1
          if (left >= 0) throw new Error(`try ${attempt}`)
        },
      })
      await context.until(() => each.snapshots.length === 3)
      await each.subscriber.drain()
      assert.equal((await context.checkpoint())?.sequence, 2n)
      assert.deepEqual(await context.deadLetters(), [])
    },
  },
  {
    id: 'start-5', title: 'a snapshot waits for its feed',
    async run(context) {
      const each = await context.started({ start: 'snapshot', onSnapshot: nothing })
      await each.subscriber.drain()
      assert.deepEqual(each.snapshots, [])
      await context.commit(1)
      await each.subscriber.drain()
      assert.deepEqual(each.snapshots.map(({ sequence }) => sequence), [1n])
    },
  },
  {
    id: 'start-6', title: 'a feed that is added later begins by itself; the others go on where they were',
    async run(context) {
      await context.commit(1)
      await context.commit(1, 'stock')
      await context.run()
      const names = [...await context.commit(1)]
      await context.commit(1, 'stock')
      const each = await context.started({ feeds: [FEED, 'stock'] })
      names.push(...await context.commit(1, 'stock'))
      await each.subscriber.drain()
      assert.deepEqual(each.calls.toSorted(), names.toSorted())
    },
  },
  {
    id: 'start-7', title: 'rows that are put in without a result reach no follower, until it takes all rows anew',
    async run(context) {
      const bootstrap = (signature: number): Promise<unknown> => context.inTransaction((tx) => (
        context.feed().bootstrap(tx, [{ signature, value: 'put in' }])))
      await context.commit(2)
      await bootstrap(100)
      const each = await context.started({ start: 'snapshot', recovery: 'auto_reset', onSnapshot: nothing })
      await each.subscriber.drain()
      await bootstrap(200)
      const names = await context.commit(1)
      await each.subscriber.drain()
      assert.deepEqual([each.calls, each.snapshots.map(({ rows }) => rows.size)], [names, [3]])
      await context.inTransaction(async (tx) => {
        await context.feed().reset(tx)
        await context.feed().bootstrap(tx, [{ signature: 100, value: 'put in' }, { signature: 200, value: 'put in' }])
      })
      await each.subscriber.drain()
      assert.deepEqual(each.snapshots.map(({ rows, isReset }) => [rows.size, isReset]), [[3, false], [2, true]])
    },
  },
  {
    id: 'B-40', title: 'options that would lose what they promise are refused by a rule',
    async run(context) {
      const refused: readonly [ProcessOptions, string][] = [
        [{ start: 'snapshot' }, 'snapshot_no_handler'],
        [{ recovery: 'auto_reset' }, 'auto_reset_no_handler'],
        [{ recovery: 'auto_skip_gap', onSnapshot: nothing }, 'snapshot_skip_gap'],
        [{ recovery: 'auto_skip_gap', start: 'snapshot', onSnapshot: nothing }, 'snapshot_skip_gap'],
      ]
      for (const [options, rule] of refused) {
        assert.throws(() => context.process(options), { code: 'CONFIG_INVALID', details: { rule } })
      }
      const { checkpoints } = context.store
      const volatile = withMethod(checkpoints, 'capabilities', () => ({ durable: false, shared: true }))
      assert.throws(() => context.process({ durable: true }, { checkpoints: volatile }), {
        code: 'CONFIG_INVALID', details: { rule: 'durable_volatile_checkpoints' },
      })
      await context.run()
    },
  },
  {
    id: 'B-65', title: 'a durable subscriber of a volatile feed is refused',
    async run(context) {
      const durable = withMethod(context.store.checkpoints, 'capabilities', () => ({ durable: true, shared: true }))
      const feeds = (isDurable: boolean): FeedStore => (
        withMethod(context.store.feeds, 'capabilities', (capabilities) => ({ ...capabilities, durable: isDurable })))
      assert.throws(() => context.process({ durable: true }, { checkpoints: durable, feeds: feeds(false) }), {
        code: 'CONFIG_INVALID', details: { rule: 'durable_volatile_feed' },
      })
      await context.run({ durable: true }, { checkpoints: durable, feeds: feeds(true) })
    },
  },
]
