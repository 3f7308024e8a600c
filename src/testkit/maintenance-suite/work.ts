/** `retention-*`: batches, turns, leases, and what fails. */
import assert from 'node:assert/strict'
import { WaybillError } from '../../core/errors.js'
import type { MaintainedKind } from '../../maintenance/chores.js'
import type { MaintenanceReport } from '../../maintenance/report.js'
import type { Store } from '../../store.js'
import { createWaybill } from '../../waybill.js'
import { DAY_MS, HOUR_MS, kindOf, removedOf, WEEK_MS, type MaintenanceCase } from './context.js'

/** A heap that fails. */
function failing(store: Store, fail: (purge: () => Promise<number>) => Promise<number>): Store {
  const { heaps } = store
  if (heaps === undefined) return store
  return {
    ...store, heaps: {
      ...heaps, purge: (request) => (request.dryRun ? heaps.purge(request) : fail(() => heaps.purge(request))),
    },
  }
}

export const workCases: readonly MaintenanceCase[] = [
  {
    id: 'retention-7', title: 'batches are bounded, and kinds take turns, so that no backlog delays another kind',
    async run(context) {
      await context.fill(7)
      context.clock.advance(WEEK_MS)
      const turns: MaintainedKind[] = []
      const maintenance = context.maintenance({
        maxBatch: 3,
        onBatch: ({ kind, removed }) => {
          assert.ok(removed <= 3 || kind === 'journal')
          turns.push(kind)
        },
      })
      const report = await maintenance.runOnce()
      assert.deepEqual(removedOf(report), context.each(7))
      const batches = context.kinds.map((kind) => kindOf(report, kind).batches)
      assert.deepEqual(batches, context.kinds.map((kind) => (kind === 'journal' ? 1 : 3)))
      const rest = context.kinds.filter((kind) => kind !== 'journal')
      assert.deepEqual(turns, [...context.kinds, ...rest, ...rest])
      assert.deepEqual(maintenance.counters(),
        { passes: 1, failedPasses: 0, standbys: 0, removed: { ...NONE, ...context.each(7) } })
    },
  },
  {
    id: 'retention-8', title: 'a kind that fails ends by itself and is told; the others are done',
    async run(context) {
      if (context.store.heaps === undefined) return
      await context.fill(3)
      context.clock.advance(WEEK_MS)
      const refused = new Error('refused')
      const told: unknown[] = []
      const store = failing(context.store, () => Promise.reject(refused))
      const report = await context.maintenance({ onError: (error, kind) => told.push([error, kind]) }, store).runOnce()
      assert.deepEqual(removedOf(report), { ...context.each(3), heapEntries: 0 })
      const { error, caughtUp } = kindOf(report, 'heapEntries')
      assert.deepEqual([report.state, error, caughtUp], ['done', refused, false])
      assert.deepEqual(told, [[refused, 'heapEntries']])
      assert.deepEqual(await context.left(), { ...context.each(0), heapEntries: 3 })
    },
  },
  {
    id: 'retention-9', title: 'what failed after it took effect, and may be tried again, is',
    async run(context) {
      if (context.store.heaps === undefined) return
      await context.fill(3)
      context.clock.advance(WEEK_MS)
      let calls = 0
      const store = failing(context.store, async (purge) => {
        const count = await purge()
        calls += 1
        if (calls > 1) return count
        throw new WaybillError('STORE_UNAVAILABLE', 'the answer was lost', { retryable: true })
      })
      const report = await context.maintenance({ maxBatch: 2, minBatch: 1 }, store).runOnce()
      const { error, caughtUp } = kindOf(report, 'heapEntries')
      assert.deepEqual([error, caughtUp], [undefined, true])
      assert.deepEqual(await context.left(), context.each(0))
    },
  },
  {
    id: 'retention-10', title: 'a stop ends it after the batch under way; what is left is told, and goes the next time',
    async run(context) {
      await context.fill(9)
      context.clock.advance(WEEK_MS + DAY_MS)
      const stopping = new AbortController()
      const reports: MaintenanceReport[] = []
      const stopped = context.maintenance({
        maxBatch: 4, signal: stopping.signal, onBatch: () => stopping.abort(),
        onReport: (report) => reports.push(report),
      })
      const report = await stopped.runOnce()
      assert.deepEqual([report.state, report.removed], ['stopped', 4])
      assert.deepEqual(reports, [report])
      const { caughtUp, overdueMs } = kindOf(report, 'delivered')
      assert.deepEqual([caughtUp, overdueMs], [false, undefined])
      await assert.rejects(stopped.runOnce(), { code: 'CLOSED' })
      assert.deepEqual(removedOf(await context.maintenance().runOnce()), { ...context.each(9), delivered: 5 })
    },
  },
  {
    id: 'retention-14', title: 'stopped by its signal, it gives the lease back',
    async run(context) {
      if (context.store.checkpoints === undefined) return
      const stopping = new AbortController()
      await new Promise<void>((resolve) => {
        void context.maintenance({ signal: stopping.signal, onReport: () => resolve() }).start()
      })
      stopping.abort()
      for (const other = context.maintenance(); (await other.runOnce()).state !== 'done';) {
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    },
  },
  {
    id: 'retention-11', title: 'of several that have one, one does it, until it stops or its lease is over',
    async run(context) {
      if (context.store.checkpoints === undefined) return
      const leader = await context.lead(context.store)
      const second = context.maintenance({}, context.other)
      assert.equal((await second.runOnce()).state, 'standby')
      context.clock.advance(HOUR_MS)
      assert.equal((await second.runOnce()).state, 'standby')
      await leader.stop()
      assert.equal((await second.runOnce()).state, 'done')
      assert.deepEqual([second.counters().standbys, second.counters().passes], [2, 1])
      // One that dies: its lease is over an interval and a minute after its pass.
      const dead = await context.lead(context.store)
      context.clock.advance(HOUR_MS + 60_000 - 1)
      assert.equal((await second.runOnce()).state, 'standby')
      context.clock.advance(1)
      assert.equal((await second.runOnce()).state, 'done')
      await dead.stop()
    },
  },
  {
    id: 'retention-12', title: 'the lease is no subscriber that anybody sees or could be',
    async run(context) {
      if (context.store.checkpoints === undefined) return
      const waybill = createWaybill({ store: context.store })
      let seen = await waybill.subscribers.list()
      await context.maintenance({ onBatch: async () => { seen = await waybill.subscribers.list() } }).runOnce()
      assert.deepEqual([seen, await waybill.subscribers.list()], [[], []])
      const [{ subscriber } = { subscriber: '' }] = await context.store.checkpoints.list({ after: '', limit: 2 })
      assert.equal(await waybill.subscribers.get(subscriber), undefined)
      assert.equal(await waybill.subscribers.forget(subscriber), false)
    },
  },
  {
    id: 'retention-13', title: 'two at once, without any lease, remove each once, and nothing that is young',
    async run(context) {
      await context.fill(40)
      context.clock.advance(WEEK_MS)
      await context.fill(5)
      const both = [context.store, context.other].map((store) => (
        context.maintenance({ maxBatch: 3 }, { ...withoutLease(store) })))
      const reports = await Promise.all(both.map((maintenance) => maintenance.runOnce()))
      await context.maintenance().runOnce()
      assert.deepEqual(await context.left(), context.each(5))
      for (const kind of context.kinds.filter((each) => each !== 'deadResults')) {
        const [first = 0, second = 0] = reports.map((report) => kindOf(report, kind).removed)
        assert.ok(first + second <= 40, `${kind}: ${first} and ${second} of 40`)
      }
    },
  },
]

const NONE = {
  delivered: 0, deadLetters: 0, dedupeKeys: 0, journal: 0, deadEvents: 0, deadResults: 0, heapEntries: 0, inbox: 0,
}

/** The lease is kept by the first store alone. */
function withoutLease({ checkpoints: _, ...store }: Store): Omit<Store, 'checkpoints'> {
  return store
}
