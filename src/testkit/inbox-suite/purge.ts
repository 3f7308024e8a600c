/** `inbox-purge-*`: how long it is remembered. */
import assert from 'node:assert/strict'
import { DEFAULT_INBOX_RETENTION_MS } from '../../core/limits.js'
import { scopeId } from '../../core/scope.js'
import type { InboxCase } from './case.js'
import { CONSUMER } from './context.js'

const HOUR_MS = 3_600_000

export const purgeCases: readonly InboxCase[] = [
  {
    id: 'inbox-purge-1', title: 'a record goes when it is exactly as old as asked, not sooner; by default 7 days',
    async run(context) {
      for (const [options, ageMs] of [[{ olderThanMs: HOUR_MS }, HOUR_MS], [{}, DEFAULT_INBOX_RETENTION_MS]] as const) {
        await context.deliver('m-1')
        context.clock.advance(ageMs - 1)
        assert.equal(await context.inbox.purge(options), 0)
        assert.equal((await context.deliver('m-1')).processed, false)
        context.clock.advance(1)
        assert.equal(await context.otherInbox.purge(options), 1)
        assert.equal(await context.wasDone('m-1'), false)
      }
      assert.equal((await context.deliver('m-1')).processed, true)
    },
  },
  {
    id: 'inbox-purge-2', title: 'a call removes at most its limit, the oldest first; the next goes on',
    async run(context) {
      for (let n = 0; n < 25; n += 1) {
        await context.deliver(`m-${n}`)
        context.clock.advance(1)
      }
      const counts: number[] = []
      for (let call = 0; call < 4; call += 1) {
        counts.push(await context.inbox.purge({ olderThanMs: 0, limit: 10 }))
        if (call === 0) assert.deepEqual([await context.wasDone('m-9'), await context.wasDone('m-10')], [false, true])
      }
      assert.deepEqual(counts, [10, 10, 5, 0])
    },
  },
  {
    id: 'inbox-purge-3', title: 'of one consumer, of all but some, of one scope; a dry run only counts',
    async run(context) {
      const scopes = [context.inbox, context.scoped(scopeId('t-1'))]
      for (const inbox of scopes) {
        for (const consumer of ['a', 'b', 'c', 'é']) await inbox.processAlone(consumer, 'm-1', () => undefined)
      }
      const counted: number[] = []
      const steps = [
        { consumer: 'none' }, { consumer: 'a', scope: 't-1' }, { consumer: 'a' }, { exceptConsumers: ['b', 'é'] },
        { scope: 't-1' }, { exceptConsumers: ['é'] }, {},
      ]
      for (const step of steps) {
        const dry = await context.inbox.purge({ ...step, olderThanMs: 0, dryRun: true })
        const removed = await context.inbox.purge({ ...step, olderThanMs: 0 })
        assert.equal(dry, removed, JSON.stringify(step))
        counted.push(removed)
      }
      assert.deepEqual(counted, [0, 1, 1, 2, 2, 1, 1])
      await scopes[1]?.processAlone('a', 'm-1', () => undefined)
      await context.inbox.processAlone('a', 'm-1', () => undefined)
      assert.equal(await scopes[1]?.purge({ olderThanMs: 0 }), 1)
      assert.equal(await context.inbox.wasProcessed('a', 'm-1'), true)
    },
  },
  {
    id: 'inbox-purge-4', title: 'what an open transaction has recorded is not removed under it', concurrent: true,
    async run(context) {
      const transaction = await context.begin()
      await context.does(transaction, 'm-1')
      context.clock.advance(HOUR_MS)
      assert.equal(await context.inbox.purge({ olderThanMs: 0 }), 0)
      assert.equal(await context.inbox.forget(CONSUMER, 'm-1'), false)
      await transaction.commit()
      assert.equal(await context.inbox.purge({ olderThanMs: 0 }), 1)
    },
  },
  {
    id: 'inbox-purge-5', title: 'by its own clock what was done just now is no hour old',
    async run(context) {
      const inbox = await context.openByOwnClock()
      await inbox.processAlone(CONSUMER, 'm-1', () => undefined)
      assert.equal(await inbox.purge({ olderThanMs: HOUR_MS }), 0)
      assert.equal(await inbox.purge({ olderThanMs: 0 }), 1)
    },
  },
]
