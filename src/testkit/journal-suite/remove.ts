/** `remove-*`: events that are gone for everybody, and numbers that stay. An inner operation, so the store is asked. */
import assert from 'node:assert/strict'
import { MAX_ASSIGNED } from '../../core/u64.js'
import type { JournalCase } from './case.js'
import { idsOf, outcomeOf, sequencesOf, STREAM, type JournalContext } from './context.js'

export const removeCases: readonly JournalCase[] = [
  {
    id: 'remove-1', title: 'what is removed is in no read, under no tag and behind no id',
    async run(context) {
      const places = await context.append(...['a', 'b', 'c', 'd'].map((tag) => ({ tags: [tag, 'all', '"]\\,{'] })))
      await removeTo(context, 3n)
      const left = idsOf(places.slice(3))
      assert.deepEqual(idsOf(await context.journal.read(STREAM)), left)
      assert.deepEqual(idsOf((await context.journal.readAll()).events), left)
      for (const tag of ['all', '"]\\,{', 'd']) {
        assert.deepEqual(idsOf((await context.journal.readByTag(tag)).events), left)
      }
      assert.deepEqual((await context.journal.readByTag('a')).events, [])
      for (const [n, { id }] of places.entries()) {
        assert.equal((await context.journal.get(id))?.sequence, n < 3 ? undefined : 4n)
      }
    },
  },
  {
    id: 'remove-2', title: 'the numbers stay used: listed as deleted, and later appends go on',
    async run(context) {
      await context.appendMany(5)
      await removeTo(context, 5n)
      assert.equal(await context.journal.highestSequence(STREAM), 5n)
      const [summary] = await context.journal.streams()
      assert.deepEqual([summary?.stream, summary?.highestSequence, summary?.deletedTo], [STREAM, 5n, 5n])
      await context.appendWith({ expectedSequence: 5 }, {}, {})
      await removeTo(context, 2n)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [6, 7])
      await removeTo(context, 6n)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { from: 1, to: 7, limit: 1 })), [7])
      await context.journal.deleteTo(STREAM, 7)
      await removeTo(context, 6n)
      assert.deepEqual(await context.journal.read(STREAM), [])
      assert.deepEqual(sequencesOf((await context.journal.readAll()).events), [7])
    },
  },
  {
    id: 'remove-3', title: 'an idempotency key answers the places of its events, though they are gone',
    async run(context) {
      const first = await context.appendWith({ idempotencyKey: 'k' }, {}, {})
      await removeTo(context, 2n)
      const again = await context.appendWith({ idempotencyKey: 'k' }, {}, {})
      assert.deepEqual(again, { created: false, events: first.events })
      assert.equal(await context.journal.highestSequence(STREAM), 2n)
    },
  },
  {
    id: 'remove-4', title: 'a follower goes on from wherever it is: before, amid and behind what was removed',
    async run(context) {
      await context.appendMany(6, { tags: ['red'] })
      const followers = Array.from({ length: 7 }, () => context.follower({ limit: 1, wholeStreams: false }))
      for (const [n, follower] of followers.entries()) {
        for (let page = 0; page < n; page += 1) await follower.page()
      }
      const head = await context.journal.head({ tag: 'red' })
      await removeTo(context, 6n)
      followers.push(context.follower({ cursor: await context.journal.head() }))
      const later = idsOf(await context.append({ tags: ['red'] }, { stream: 'other', tags: ['red'] }))
      followers.push(context.follower({ tag: 'red' }), context.follower({ tag: 'red', cursor: head }))
      for (const follower of followers) assert.deepEqual(await follower.poll(), later)
    },
  },
  {
    id: 'remove-5', title: 'other streams, also those of another scope, keep theirs',
    async run(context) {
      await context.append({}, { stream: 'order-70' }, { stream: 'order' }, {})
      const others = await context.appendWith({ scope: 'another' }, {}, { stream: 'order-70' })
      await removeTo(context, 9n)
      for (const stream of ['order-70', 'order']) {
        assert.deepEqual(sequencesOf(await context.journal.read(stream)).at(0), 1)
      }
      for (const { id } of others.events.slice(1)) assert.ok(await context.journal.get(id) !== undefined)
    },
  },
  {
    id: 'remove-6', title: 'a number past the end, up to the largest, removes what is there and nothing to come',
    async run(context) {
      for (const sequence of [9n, MAX_ASSIGNED]) {
        await context.appendMany(2)
        await removeTo(context, sequence)
        assert.deepEqual((await context.journal.readAll()).events, [])
      }
      assert.deepEqual(sequencesOf(await context.append({})), [5])
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [5])
    },
  },
  {
    id: 'remove-7', title: 'beside an append that is still open, what that writes is not removed', concurrent: true,
    async run(context) {
      await context.appendMany(2)
      const open = await context.begin()
      const [place] = await context.appendIn(open, {})
      const removing = removeTo(context, MAX_ASSIGNED)
      await context.journal.highestSequence(STREAM)
      await open.commit()
      await removing
      const { events } = await context.journal.readAll()
      // Whoever waits for the append removes it as well; both are an order of the two.
      assert.ok(events.length === 0 || events[0]?.id === place?.id, String(sequencesOf(events)))
      assert.deepEqual(idsOf(await context.journal.read(STREAM)), idsOf(events))
      assert.deepEqual(sequencesOf(await context.append({})), [4])
    },
  },
  {
    id: 'remove-8', title: 'an unknown stream stays unknown; removing twice, also at once, is removing once',
    async run(context) {
      await context.store.removeTo({ scope: context.scope, stream: 'unknown' }, 7n)
      assert.deepEqual(await context.journal.streams(), [])
      await context.appendMany(20, { tags: ['red'] })
      const outcomes = await Promise.all([20n, 20n, 12n, 19n].map((sequence) =>
        outcomeOf(removeTo(context, sequence))))
      assert.deepEqual(outcomes.filter((outcome) => 'error' in outcome), [])
      await removeTo(context, 20n)
      assert.deepEqual((await context.journal.readByTag('red')).events, [])
      assert.deepEqual(sequencesOf(await context.append({})), [21])
    },
  },
]

function removeTo(context: JournalContext, sequence: bigint): Promise<void> {
  return context.store.removeTo({ scope: context.scope, stream: STREAM }, sequence)
}
