/** `journal-scope-*`: tenants do not see each other. */
import assert from 'node:assert/strict'
import { scopeId } from '../../core/scope.js'
import { ScopedJournalStore } from '../../journal/scoped-store.js'
import type { Journal } from '../../journal/journal.js'
import type { JournalCase } from './case.js'
import { eventOf, idsOf, journalOf, sequencesOf, STREAM, type JournalContext } from './context.js'

export const scopeCases: readonly JournalCase[] = [
  {
    id: 'journal-scope-1', title: 'the same stream, key and tag in two scopes are two of each',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const draft = [eventOf({ tags: ['red'] })]
      const first = await a.appendAlone(draft, { idempotencyKey: 'k', expectedSequence: 0 })
      const second = await b.appendAlone(draft, { idempotencyKey: 'k', expectedSequence: 0 })
      assert.deepEqual([first.created, second.created], [true, true])
      for (const [journal, { events }] of [[a, first], [b, second]] as const) {
        assert.deepEqual(idsOf(await journal.read(STREAM)), idsOf(events))
        assert.deepEqual(idsOf((await journal.readByTag('red')).events), idsOf(events))
        assert.deepEqual(idsOf((await journal.readAll()).events), idsOf(events))
        assert.equal((await journal.streams()).length, 1)
      }
      assert.equal(await a.get(second.events[0]?.id ?? ''), undefined)
    },
  },
  {
    id: 'journal-scope-2', title: 'the unscoped view reads all, or one when asked',
    async run(context) {
      const places = [
        ...(await view(context, 'a').appendAlone([eventOf({ tags: ['red'] })])).events,
        ...(await view(context, 'b').appendAlone([eventOf({ tags: ['red'] })])).events,
      ]
      const { journal } = context
      assert.deepEqual(idsOf((await journal.readAll()).events), idsOf(places))
      assert.deepEqual(idsOf((await journal.readByTag('red')).events), idsOf(places))
      assert.deepEqual(idsOf((await journal.readByTag('red', { scope: 'b' })).events), idsOf(places.slice(1)))
      assert.deepEqual(idsOf(await journal.read(STREAM, { scope: 'a' })), idsOf(places.slice(0, 1)))
      assert.equal(await journal.highestSequence(STREAM), 0n)
      assert.equal(await journal.highestSequence(STREAM, { scope: 'b' }), 1n)
      assert.equal((await journal.get(places[1]?.id ?? ''))?.scope, 'b')
    },
  },
  {
    id: 'journal-scope-3', title: 'streams of all scopes are listed by scope, then by name, page by page',
    async run(context) {
      for (const scope of ['b', 'a', 'a.', 'aa']) {
        await view(context, scope).appendAlone([eventOf({ stream: 'y' }), eventOf({ stream: 'x' })])
      }
      const found: string[] = []
      for (let after: { scope: string; stream: string } | undefined; ;) {
        const [next] = await context.journal.streams({ limit: 1, after })
        if (next === undefined) break
        found.push(`${next.scope}/${next.stream}`)
        after = next
      }
      assert.deepEqual(found, ['a/x', 'a/y', 'a./x', 'a./y', 'aa/x', 'aa/y', 'b/x', 'b/y'])
    },
  },
  {
    id: 'journal-scope-4', title: 'a deletion in one scope touches no other',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      for (const journal of [a, b]) await journal.appendAlone([eventOf({}), eventOf({})])
      await a.deleteTo(STREAM, 2)
      assert.deepEqual([await a.read(STREAM), sequencesOf(await b.read(STREAM))], [[], [1, 2]])
    },
  },
  {
    id: 'journal-scope-5', title: 'a draft\'s scope is the view\'s, and an unscoped append may name one',
    async run(context) {
      await context.appendWith({ scope: 'a' }, {})
      await view(context, 'b').appendAlone([eventOf({})], { scope: 'a' })
      const scopes = (await context.journal.readAll()).events.map(({ scope }) => scope)
      assert.deepEqual(scopes, ['a', 'b'])
    },
  },
  {
    id: 'journal-scope-6', title: 'a scope behind many events of another is followed in small pages',
    async run(context) {
      const [loud, quiet] = [view(context, 'loud'), view(context, 'quiet')]
      const rare: string[] = []
      for (let round = 0; round < 4; round += 1) {
        await loud.appendAlone(Array.from({ length: 300 }, () => eventOf({})))
        rare.push(...idsOf((await quiet.appendAlone([eventOf({}), eventOf({})])).events))
      }
      const found: string[] = []
      let cursor: string | undefined
      for (let hasMore = true; hasMore;) {
        const page = await quiet.readAll({ cursor, limit: 3 })
        found.push(...idsOf(page.events))
        ;({ cursor, hasMore } = page)
      }
      assert.deepEqual(found, rare)
    },
  },
]

function view({ opened }: JournalContext, scope: string): Journal<unknown> {
  return journalOf({ store: new ScopedJournalStore(opened.store, scopeId(scope)) })
}
