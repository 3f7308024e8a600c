/** `recover-*`: results that are gone, at the start and at run time, by each policy. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { GapReport } from '../../feeds/feed-recovery.js'
import type { SubscriberCase } from './case.js'
import { FEED, signal, type Process, type ProcessOptions, type SubscriberContext } from './context.js'

const SMALL = { capacity: 3 }
const nothing = (): undefined => undefined

/** A subscriber that was there at 1; since then 2 to 6 have come, of which 4 to 6 are kept. */
async function behind(context: SubscriberContext): Promise<void> {
  await context.commit(1, FEED, SMALL)
  await context.run()
  await context.commit(5, FEED, SMALL)
}

/** Where a report says that it is. */
function placeOf({ reason, action, requested, earliest, latest, lost }: GapReport) {
  return { reason, action, requested, earliest, latest, lost }
}

function gap(reason: GapReport['reason']): (error: unknown) => boolean {
  return (error) => isWaybillError(error, 'FEED_GAP') && error.details['reason'] === reason
}

/** A process that handles result 1 until it is told to go on, while 2 to 6 come and 2 and 3 are evicted. */
async function overrun(context: SubscriberContext, options: ProcessOptions): Promise<Process> {
  const { promise: mayEnd, resolve: end } = signal()
  const { promise: begun, resolve: begin } = signal()
  const each = await context.started({
    ...options,
    onResult: async ({ sequence }) => {
      if (sequence !== 1n) return
      begin()
      await mayEnd
    },
  })
  await context.commit(1, FEED, SMALL)
  await begun
  await context.commit(5, FEED, SMALL)
  end()
  return each
}

export const recoveryCases: readonly SubscriberCase[] = [
  {
    id: 'B-43-strict', title: 'strict: nothing more is delivered, the error is typed, the checkpoint stays',
    async run(context) {
      await behind(context)
      const reports: GapReport[] = []
      const each = context.process({ onGap: (report) => reports.push(report) })
      await assert.rejects(each.subscriber.start(), {
        code: 'FEED_GAP', details: { feed: FEED, reason: 'evicted', requested: '1', earliest: '4', latest: '6' },
      })
      assert.deepEqual([each.calls, (await context.checkpoint())?.sequence], [[], 1n])
      assert.deepEqual(reports.map(placeOf), [{
        reason: 'evicted', action: 'stopped', requested: 1n, earliest: 4n, latest: 6n, lost: { from: 2n, to: 3n },
      }])
      assert.equal(each.subscriber.failure?.code, 'FEED_GAP')
      await assert.rejects(context.run(), { code: 'FEED_GAP' })
    },
  },
  {
    id: 'B-43-skip', title: 'auto_skip_gap: goes on with the first that is kept, and tells exactly what is lost',
    async run(context) {
      await behind(context)
      const reports: GapReport[] = []
      const each = await context.run({
        recovery: 'auto_skip_gap',
        onGap: (report) => {
          reports.push(report)
          throw new Error('its own affair')
        },
      })
      assert.deepEqual(each.calls, ['orders:4', 'orders:5', 'orders:6'])
      assert.deepEqual(reports.map(placeOf), [{
        reason: 'evicted', action: 'skipped', requested: 1n, earliest: 4n, latest: 6n, lost: { from: 2n, to: 3n },
      }])
      assert.deepEqual((await context.run({ recovery: 'auto_skip_gap' })).calls, [])
    },
  },
  {
    id: 'B-43-reset', title: 'auto_reset: the snapshot is taken once, and its sequence is the checkpoint',
    async run(context) {
      await behind(context)
      const each = await context.started({ recovery: 'auto_reset', onSnapshot: nothing })
      await each.subscriber.drain()
      assert.deepEqual(each.snapshots.map(({ sequence, isReset }) => [sequence, isReset]), [[6n, true]])
      assert.equal((await context.checkpoint())?.sequence, 6n)
      const names = await context.commit(1, FEED, SMALL)
      await each.subscriber.drain()
      assert.deepEqual([each.calls, each.snapshots.length], [names, 1])
    },
  },
  {
    id: 'B-43-failing', title: 'a recovery whose handler fails leaves the checkpoint, and is repeated',
    async run(context) {
      await behind(context)
      const first = context.process({
        recovery: 'auto_reset', onFailure: 'stop', maxAttempts: 2,
        onSnapshot: () => {
          throw new Error('no room')
        },
      })
      await assert.rejects(first.subscriber.drain(), { code: 'DELIVERY_FAILED' })
      await first.subscriber.stop()
      assert.deepEqual([first.snapshots.length, (await context.checkpoint())?.sequence], [2, 1n])
      const second = await context.run({ recovery: 'auto_reset', onSnapshot: nothing })
      assert.deepEqual(second.snapshots.map(({ isReset }) => isReset), [true])
    },
  },
  {
    id: 'B-43-serial', title: 'feeds that recover at the same time take their snapshots one after another',
    async run(context) {
      const feeds = [FEED, 'stock', 'bids']
      for (const feed of feeds) await context.commit(1, feed)
      let underWay = 0
      let most = 0
      const each = await context.started({
        feeds, start: 'snapshot',
        onSnapshot: async () => {
          underWay += 1
          most = Math.max(most, underWay)
          await new Promise(setImmediate)
          underWay -= 1
        },
      })
      await context.until(() => each.snapshots.length === 3)
      assert.deepEqual([most, each.snapshots.map(({ feed }) => feed).toSorted()], [1, feeds.toSorted()])
    },
  },
  {
    id: 'B-44-strict', title: 'overrun at run time, strict: what was handled is stored, nothing more is delivered',
    async run(context) {
      const each = await overrun(context, { batch: 1 })
      await context.until(() => each.subscriber.failure !== undefined)
      await each.subscriber[Symbol.asyncDispose]()
      assert.equal(each.subscriber.failures.size, 1)
      assert.deepEqual(each.calls, ['orders:1', ...each.calls.slice(1)])
      assert.ok(!each.calls.includes('orders:4'))
      assert.equal((await context.checkpoint())?.sequence, BigInt(each.calls.length))
    },
  },
  {
    id: 'B-44-skip', title: 'overrun at run time, auto_skip_gap: delivery goes on; each number is told or delivered',
    async run(context) {
      const lost: bigint[] = []
      const each = await overrun(context, {
        batch: 1, recovery: 'auto_skip_gap',
        onGap: ({ lost: range }) => {
          for (let n = range?.from ?? 1n; n <= (range?.to ?? 0n); n += 1n) lost.push(n)
        },
      })
      await context.until(() => each.calls.includes('orders:6'))
      const all = [...each.calls, ...lost.map((n) => `orders:${n}`)]
      assert.deepEqual(all.toSorted(), [1, 2, 3, 4, 5, 6].map((n) => `orders:${n}`))
    },
  },
  {
    id: 'B-44-reset', title: 'overrun at run time, auto_reset: the rows, then what comes',
    async run(context) {
      const each = await overrun(context, { batch: 1, recovery: 'auto_reset', onSnapshot: nothing })
      await context.until(() => each.snapshots.length === 1)
      assert.deepEqual(each.snapshots.map(({ sequence, isReset }) => [sequence, isReset]), [[6n, true]])
      const names = await context.commit(1, FEED, SMALL)
      await each.subscriber.drain()
      assert.deepEqual(each.calls.slice(-1), names)
    },
  },
  {
    id: 'B-41', title: 'a feed of another configuration: strict does not start, auto_reset takes its rows and hash',
    async run(context) {
      await context.commit(2)
      await context.run()
      await context.reset(FEED, { config: 'another' })
      await context.commit(1, FEED, { config: 'another' })
      await assert.rejects(context.process().subscriber.start(), gap('reset'))
      const each = await context.run({ recovery: 'auto_reset', onSnapshot: nothing })
      assert.deepEqual(each.snapshots.map(({ sequence, isReset }) => [sequence, isReset]), [[1n, true]])
      const state = await context.feed().state()
      assert.deepEqual(await context.checkpoint(), {
        feed: FEED, sequence: 1n, incarnation: state?.incarnation, configHash: state?.configHash,
      })
    },
  },
  {
    id: 'B-63', title: 'a feed that was deleted and made anew is another one, though its numbers fit; a stop is not',
    async run(context) {
      await context.commit(2)
      await context.run()
      await context.inTransaction((tx) => context.feed().delete(tx))
      assert.deepEqual((await context.run()).calls, [], 'waits while there is none')
      const names = await context.commit(4)
      await assert.rejects(context.run(), { code: 'FEED_GAP' })
      const each = await context.run({ recovery: 'auto_skip_gap' })
      assert.deepEqual(each.calls, names)
    },
  },
  {
    id: 'B-66', title: 'a checkpoint that is ahead of its feed is never taken for one that has caught up',
    async run(context) {
      await context.commit(2)
      await context.run()
      const { subscriber, checkpoints: [checkpoint] } = await context.state()
      const taken = await context.store.checkpoints.take({ subscriber, owner: 'restore', leaseMs: 1_000 })
      const { term } = taken ?? assert.fail('taken by another')
      await context.store.checkpoints.save({
        subscriber, term, dead: [], checkpoints: [{ ...checkpoint ?? assert.fail(), sequence: 40n }],
      })
      await context.store.checkpoints.release({ subscriber, term })
      await assert.rejects(context.run(), gap('rewound'))
      const each = await context.run({ recovery: 'auto_reset', onSnapshot: nothing })
      assert.deepEqual(each.snapshots.map(({ sequence }) => sequence), [2n])
      assert.equal((await context.checkpoint())?.sequence, 2n)
    },
  },
  {
    id: 'recover-1', title: 'one failing feed of several is visible, the others go on; when all have failed, it ends',
    async run(context) {
      await behind(context)
      await context.commit(1, 'stock', SMALL)
      const each = context.process({ feeds: [FEED, 'stock'] })
      const told = each.told('failed')
      await each.subscriber.start()
      assert.equal((await told).feed.name, FEED)
      const names = await context.commit(1, 'stock', SMALL)
      await context.until(() => each.calls.length === 1)
      assert.deepEqual(each.calls, names)
      const { failure, failures } = each.subscriber
      assert.deepEqual([failure, [...failures].map(([{ name }, { code }]) => [name, code])], [
        undefined, [[FEED, 'FEED_GAP']]])
      assert.deepEqual(each.subscriber.status().feeds.map(({ state }) => state), ['failed', 'following'])
      const both = each.told('failed')
      await context.reset('stock')
      await both
      assert.equal(each.subscriber.failure?.code, 'FEED_GAP')
    },
  },
  {
    id: 'recover-2', title: 'what is in the log still is read from it: no policy is asked',
    async run(context) {
      await context.commit(1, FEED, SMALL)
      await context.run()
      const names = await context.commit(3, FEED, SMALL)
      const reports: GapReport[] = []
      const each = await context.run({ onGap: (report) => reports.push(report) })
      assert.deepEqual([each.calls, reports], [names, []])
    },
  },
]
