/** `retention-*`: what goes when, and what stays. */
import assert from 'node:assert/strict'
import { MAINTAINED_KINDS } from '../../maintenance/chores.js'
import { createWaybill } from '../../waybill.js'
import { DAY_MS, kindOf, QUEUE, removedOf, WEEK_MS, type MaintenanceCase } from './context.js'

const NEVER = Object.fromEntries(MAINTAINED_KINDS.map((kind) => [kind, 'never'] as const))

export const ageCases: readonly MaintenanceCase[] = [
  {
    id: 'retention-1', title: 'every kind goes when its age is reached, not sooner; a day and 7 days by default',
    async run(context) {
      await context.fill(3)
      context.clock.advance(DAY_MS - 1)
      const maintenance = context.maintenance()
      assert.deepEqual(removedOf(await maintenance.runOnce()), context.each(0))
      context.clock.advance(1)
      assert.deepEqual(removedOf(await maintenance.runOnce()), { ...context.each(0), delivered: 3 })
      context.clock.advance(WEEK_MS - DAY_MS - 1)
      assert.deepEqual(removedOf(await maintenance.runOnce()), context.each(0))
      assert.deepEqual(await context.left(), { ...context.each(3), delivered: 0 })
      context.clock.advance(1)
      // The key of a dead letter leaves with it, and so is young.
      const report = await maintenance.runOnce()
      assert.deepEqual(removedOf(report), { ...context.each(3), delivered: 0 })
      const { kinds } = report
      assert.ok(kinds.every(({ caughtUp, overdueMs, error }) => caughtUp && overdueMs === 0 && error === undefined))
      assert.deepEqual([report.state, report.dryRun], ['done', false])
      assert.deepEqual(await context.left(), context.each(0))
    },
  },
  {
    id: 'retention-2', title: 'each kind has an age of its own, and one that is never old stays',
    async run(context) {
      await context.fill(2)
      context.clock.advance(WEEK_MS)
      for (const kind of context.kinds) {
        const report = await context.maintenance({ olderThanMs: { ...NEVER, [kind]: WEEK_MS + 1 } }).runOnce()
        assert.deepEqual(removedOf(report), { [kind]: 0 })
      }
      const left = { ...context.each(2) }
      for (const kind of context.kinds) {
        const report = await context.maintenance({ olderThanMs: { ...NEVER, [kind]: WEEK_MS } }).runOnce()
        assert.deepEqual(removedOf(report), { [kind]: 2 })
        left[kind] = 0
        assert.deepEqual(await context.left(), left)
      }
    },
  },
  {
    id: 'retention-3', title: 'what waits, is claimed, or is not passed by a follower stays, however old',
    async run(context) {
      const { outbox } = createWaybill({ store: context.store })
      const ids = []
      for (let n = 0; n < 3; n += 1) {
        ids.push((await outbox.enqueueAlone({ ...QUEUE, type: 't', payload: n, dedupeKey: `key-${n}` })).id)
      }
      await outbox.claim({ ...QUEUE, consumer: 'c', limit: 1, leaseMs: DAY_MS })
      if (context.store.journal !== undefined) await context.appendUnpassed(3)
      context.clock.advance(100 * DAY_MS)
      const olderThanMs = Object.fromEntries(MAINTAINED_KINDS.map((kind) => [kind, 0]))
      const { removed } = await context.maintenance({ olderThanMs }).runOnce()
      assert.equal(removed, 0)
      assert.deepEqual((await outbox.list()).map(({ id }) => id), ids)
      const again = await outbox.enqueueAlone({ ...QUEUE, type: 't', payload: 0, dedupeKey: 'key-0' })
      assert.equal(again.created, false)
    },
  },
  {
    id: 'retention-4', title: 'a journal names the followers that hold it back',
    async run(context) {
      const { progress, journal } = context.store
      if (progress === undefined || journal === undefined) return
      await context.fill(2)
      await progress.rebase({ publisher: 'slow', follow: 'all', cursor: undefined })
      context.clock.advance(WEEK_MS)
      const kept = kindOf(await context.maintenance().runOnce(), 'journal')
      assert.deepEqual([kept.removed, kept.heldBackBy], [0, ['slow']])
      assert.deepEqual([kept.caughtUp, kept.overdueMs], [false, undefined])
      await progress.forget('slow')
      const gone = kindOf(await context.maintenance().runOnce(), 'journal')
      assert.deepEqual([gone.removed, gone.heldBackBy], [2, []])
    },
  },
  {
    id: 'retention-5', title: 'consumers of the inbox may have ages of their own',
    async run(context) {
      if (context.store.inbox === undefined) return
      const { inbox } = createWaybill({ store: context.store })
      for (const consumer of ['billing', 'mailer', 'search', 'audit']) {
        for (const id of ['m-1', 'm-2']) await inbox.processAlone(consumer, id, () => undefined)
      }
      context.clock.advance(2 * DAY_MS)
      const maintenance = context.maintenance({
        olderThanMs: { ...NEVER, inbox: 2 * DAY_MS }, maxBatch: 1,
        consumersOlderThanMs: { billing: 3 * DAY_MS, mailer: DAY_MS, audit: 'never' },
      })
      const { removed, olderThanMs, batches, caughtUp } = kindOf(await maintenance.runOnce(), 'inbox')
      assert.deepEqual([removed, olderThanMs, batches, caughtUp], [4, DAY_MS, 5, true])
      assert.equal(await inbox.wasProcessed('billing', 'm-1'), true)
      assert.equal(await inbox.wasProcessed('search', 'm-1'), false)
      context.clock.advance(DAY_MS)
      assert.equal(kindOf(await maintenance.runOnce(), 'inbox').removed, 2)
      assert.equal(await inbox.wasProcessed('audit', 'm-1'), true)
    },
  },
  {
    id: 'retention-6', title: 'a dry run tells what would go and how overdue it is, takes no lease and removes nothing',
    async run(context) {
      await context.fill(3)
      context.clock.advance(WEEK_MS + DAY_MS)
      await context.lead(context.other)
      await context.fill(2)
      context.clock.advance(10 * DAY_MS)
      const report = await context.maintenance().runOnce({ dryRun: true })
      assert.deepEqual([report.state, report.dryRun, report.removed], ['done', true, 2 * context.kinds.length])
      assert.deepEqual(removedOf(report), context.each(2))
      for (const { kind, overdueMs, caughtUp, batches } of report.kinds) {
        const overdue = (kind === 'delivered' ? 9 : 3) * DAY_MS
        assert.deepEqual([caughtUp, batches], [false, 0])
        if (kind === 'journal') assert.equal(overdueMs, undefined)
        else assert.ok(overdueMs !== undefined && overdueMs <= overdue && overdueMs > overdue * 0.96, kind)
      }
      assert.deepEqual(await context.left(), context.each(2))
    },
  },
]
