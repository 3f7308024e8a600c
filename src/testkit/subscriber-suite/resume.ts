/** `resume-*`: what a restart, a crash and a failing store repeat, and that they lose nothing. */
import assert from 'node:assert/strict'
import { WaybillError } from '../../core/errors.js'
import type { CheckpointStore } from '../../feeds/checkpoints.js'
import type { FeedStore } from '../../feeds/contract.js'
import type { SubscriberCase } from './case.js'
import { FEED, withMethod } from './context.js'

const gone = (when: string): WaybillError => new WaybillError('STORE_UNAVAILABLE', `gone ${when}`, { retryable: true })

export const resumeCases: readonly SubscriberCase[] = [
  {
    id: 'B-42', title: 'what was missed is delivered, and nothing before it; then what comes',
    async run(context) {
      await context.run()
      const names = await context.commit(4)
      assert.deepEqual((await context.run()).calls, names)
      const each = await context.started()
      const more = await context.commit(2)
      await each.subscriber.drain()
      assert.deepEqual(each.calls, more)
    },
  },
  {
    id: 'B-45', title: 'in the order of the numbers, whatever the producers\' clocks say; the hash stays',
    async run(context) {
      await context.run()
      const clocks = [5_000, 5_000, 4_000, 9_000, 1]
      for (const at of clocks) await context.commit(1, FEED, { now: () => at })
      const before = await context.checkpoint()
      const times: number[] = []
      const each = await context.run({ onResult: ({ createdAt }) => times.push(createdAt) })
      assert.deepEqual([each.calls, times], [clocks.map((_, n) => `orders:${n + 1}`), clocks])
      const after = await context.checkpoint()
      assert.deepEqual([before?.sequence, after?.sequence], [0n, 5n])
      assert.equal(after?.configHash, (await context.feed().state())?.configHash)
    },
  },
  {
    id: 'B-47', title: 'a clean restart delivers nothing, however often, and never sees another feed in the same',
    async run(context) {
      await context.run()
      await context.commit(3)
      await context.run()
      for (let n = 0; n < 5; n += 1) {
        const each = await context.run()
        assert.deepEqual([each.calls, each.subscriber.failures.size], [[], 0])
      }
    },
  },
  {
    id: 'B-60', title: 'a process that is killed and built anew goes on behind what was stored; numbers go on, too',
    async run(context) {
      await context.commit(2)
      const first = await context.started({ start: 'earliest' })
      await first.subscriber.drain()
      first.kill()
      const names = await context.commit(3)
      assert.deepEqual(names, ['orders:3', 'orders:4', 'orders:5'])
      const second = await context.started()
      await context.until(() => second.calls.length === 3)
      assert.deepEqual(second.calls, names)
      const rows = await context.run({ id: 'rows', start: 'snapshot', onSnapshot: () => undefined })
      assert.deepEqual(rows.snapshots.map(({ sequence, rows: { size } }) => [sequence, size]), [[5n, 3]])
    },
  },
  {
    id: 'B-62', title: 'a crash between the side effect and the checkpoint repeats that result, and no other is lost',
    async run(context) {
      await context.run()
      const names = await context.commit(4)
      const first = context.process({
        onResult: ({ sequence }) => {
          if (sequence === 3n) first.kill()
        },
      })
      await first.subscriber.start()
      await context.until(() => first.isDead)
      const second = await context.started()
      await context.until(() => second.calls.includes('orders:4'))
      assert.deepEqual(first.calls, names.slice(0, 3))
      assert.deepEqual(second.calls, names.slice(names.indexOf(second.calls[0] ?? '')))
      assert.ok(names.indexOf(second.calls[0] ?? '') <= 2, 'the result whose effect was not stored is not repeated')
    },
  },
  {
    id: 'resume-1', title: 'saves that fail, before or after they took effect, lose nothing and repeat nothing',
    async run(context) {
      let saves = 0
      const checkpoints = withMethod(context.store.checkpoints, 'save', (save): CheckpointStore['save'] => (
        async (request) => {
          saves += 1
          if (saves % 3 === 1) throw gone('before')
          const answer = await save(request)
          if (saves % 3 === 2) throw gone('after')
          return answer
        }))
      const each = context.process({ leaseMs: 30_000, start: 'earliest', batch: 2 }, { checkpoints })
      const names = await context.commit(9)
      await each.subscriber.start()
      await context.until(() => each.calls.length === 9)
      await each.subscriber.drain()
      await each.subscriber.stop()
      assert.deepEqual(each.calls, names)
      assert.ok(saves >= 3, `${saves} saves`)
      assert.equal((await context.checkpoint())?.sequence, 9n)
    },
  },
  {
    id: 'resume-2', title: 'a feed that cannot be read for a while holds up no other, and nothing of it is lost',
    async run(context) {
      let isDown = false
      const feeds = withMethod(context.store.feeds, 'page', (page): FeedStore['page'] => async (request) => {
        if (isDown && request.feed === FEED) throw gone('for a while')
        return page(request)
      })
      const each = await context.started({ feeds: [FEED, 'stock'] }, { feeds })
      isDown = true
      const told = each.told('unreadable')
      const [lost] = await context.commit(1)
      const [flowing] = await context.commit(1, 'stock')
      await context.until(() => each.calls.length === 1)
      assert.equal((await told).feed.name, FEED)
      assert.deepEqual(each.calls, [flowing])
      isDown = false
      await context.until(() => each.calls.length === 2)
      assert.deepEqual(each.calls, [flowing, lost])
    },
  },
  {
    id: 'resume-3', title: 'a store that is away at the start is waited for, and the start is where it is then',
    async run(context) {
      await context.commit(2)
      let failures = 3
      const checkpoints = withMethod(context.store.checkpoints, 'take', (take): CheckpointStore['take'] => (
        async (request) => {
          failures -= 1
          if (failures >= 0) throw gone('at the start')
          return take(request)
        }))
      const each = context.process({}, { checkpoints })
      const active = each.told('active')
      await each.subscriber.start()
      await active
      await each.subscriber.drain()
      assert.equal((await context.checkpoint())?.sequence, 2n)
      const names = await context.commit(1)
      await each.subscriber.drain()
      assert.deepEqual(each.calls, names)
    },
  },
  {
    id: 'resume-4', title: 'many feeds with many results: each once, each in order, by pages',
    async run(context) {
      const feeds = ['a', 'b', 'c', 'd', 'e']
      const names: string[] = []
      for (const feed of feeds) names.push(...await context.commit(40, feed))
      const each = await context.run({ feeds, start: 'earliest', batch: 10, concurrency: 2 })
      for (const feed of feeds) {
        assert.deepEqual(each.calls.filter((name) => name.startsWith(`${feed}:`)), names.filter((name) => (
          name.startsWith(`${feed}:`))))
      }
      assert.equal(each.calls.length, names.length)
      assert.equal((await each.subscriber.lag()).results, 0n)
    },
  },
]
