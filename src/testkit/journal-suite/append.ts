/** `append-*`: all or nothing, dense, in the caller's transaction. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import {
  eventOf, idsOf, journalOf, only, outcomeOf, rejectsWith, sequencesOf, STREAM, upTo, type JournalContext,
} from './context.js'

export const appendCases: readonly JournalCase[] = [
  {
    id: 'append-1', title: 'events exist if and only if their transaction commits',
    async run(context) {
      const dropped = await context.begin()
      await context.appendIn(dropped, {}, { tags: ['red'] })
      await dropped.rollback()
      await assertEmpty(context)
      const kept = await context.begin()
      const places = await context.appendIn(kept, {}, {})
      assert.deepEqual(await context.journal.read(STREAM), [])
      await kept.commit()
      assert.deepEqual(idsOf(await context.journal.read(STREAM)), idsOf(places))
    },
  },
  {
    id: 'append-2', title: 'one append to several streams numbers each by itself, in the order given',
    async run(context) {
      await context.append({ stream: 'b' })
      const places = await context.append(
        { stream: 'b' }, { stream: 'a' }, { stream: 'b' }, { stream: 'c' }, { stream: 'a' })
      assert.deepEqual(places.map(({ stream, sequence }) => [stream, Number(sequence)]),
        [['b', 2], ['a', 1], ['b', 3], ['c', 1], ['a', 2]])
      const follower = context.follower()
      await follower.poll()
      assert.deepEqual(idsOf(follower.events).slice(1), idsOf(places))
    },
  },
  {
    id: 'append-3', title: 'a rollback leaves no hole',
    async run(context) {
      await context.append({})
      for (let round = 0; round < 3; round += 1) {
        const dropped = await context.begin()
        await context.appendIn(dropped, {}, {}, { stream: 'other' })
        await dropped.rollback()
      }
      assert.deepEqual(sequencesOf(await context.append({}, {})), [2, 3])
      assert.deepEqual(sequencesOf(await context.append({ stream: 'other' })), [1])
    },
  },
  {
    id: 'append-4', title: 'several appends of one transaction follow one another, also when none is awaited',
    async run(context) {
      const transaction = await context.begin()
      await context.appendIn(transaction, {}, {})
      await Promise.all([
        context.appendIn(transaction, {}, { stream: 'other' }, {}),
        context.appendIn(transaction, { stream: 'other' }, {}),
        context.appendIn(transaction, {}),
      ])
      await transaction.commit()
      const follower = context.follower()
      await follower.poll()
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), upTo(6))
      assert.deepEqual(sequencesOf(await context.journal.read('other')), [1, 2])
      assert.equal(follower.events.length, 8)
    },
  },
  {
    id: 'append-5', title: 'what a savepoint undoes leaves no hole',
    async run(context) {
      const transaction = await context.begin()
      const kept = [...await context.appendIn(transaction, {})]
      const savepoint = await transaction.savepoint?.()
      if (savepoint !== undefined) {
        await context.appendIn(transaction, {}, {}, { stream: 'undone', tags: ['red'] })
        await savepoint.rollback()
      }
      kept.push(...await context.appendIn(transaction, {}))
      await transaction.commit()
      assert.deepEqual(sequencesOf(kept), [1, 2])
      assert.deepEqual(await context.follower().poll(), idsOf(kept))
      assert.deepEqual(idsOf((await context.journal.readByTag('red')).events), [])
      assert.deepEqual(sequencesOf(await context.append({ stream: 'undone' })), [1])
    },
  },
  {
    id: 'append-6', title: 'a second writer of a stream waits for the first, and goes on from where that ended',
    concurrent: true,
    async run(context) {
      for (const end of ['commit', 'rollback'] as const) {
        const stream = `after ${end}`
        const [first, second] = [await context.begin(), await context.begin()]
        await context.appendIn(first, { stream }, { stream })
        let isDone = false
        const waiting = context.appendIn(second, { stream }).finally(() => { isDone = true })
        for (let n = 0; n < 5; n += 1) await context.journal.highestSequence(stream)
        assert.equal(isDone, false, 'the second writer did not wait')
        await first[end]()
        assert.deepEqual(sequencesOf(await waiting), [end === 'commit' ? 3 : 1])
        await second.commit()
      }
    },
    async serial(context) {
      const first = await context.begin()
      await context.appendIn(first, {}, {})
      const waiting = context.append({})
      await first.commit()
      assert.deepEqual(sequencesOf(await waiting), [3])
    },
  },
  {
    id: 'append-7', title: 'appends to the same streams in every order, at once, do not deadlock',
    async run(context) {
      const streams = ['a', 'b', 'c', 'é', '𐐷', 'Z']
      const orders = [streams, streams.toReversed(), [...streams.slice(3), ...streams.slice(0, 3)]]
      await Promise.all(Array.from({ length: 9 }, async (_, n) => {
        for (let round = 0; round < 6; round += 1) {
          await context.append(...(orders[(n + round) % 3] ?? []).map((stream) => ({ stream })))
        }
      }))
      const follower = context.follower()
      await follower.poll()
      assert.equal(follower.events.length, 9 * 6 * streams.length)
    },
  },
  {
    id: 'append-8', title: '2,500 events in one append, of many streams',
    async run(context) {
      const parts = Array.from({ length: 2_500 }, (_, n) => ({ stream: `s${n % 40}`, payload: n }))
      const places = await context.append(...parts)
      assert.deepEqual(places.map(({ stream, sequence }) => [stream, Number(sequence)]),
        parts.map(({ stream }, n) => [stream, Math.floor(n / 40) + 1]))
      assert.deepEqual(await context.follower({ limit: 900 }).poll(), idsOf(places))
    },
  },
  {
    id: 'append-9', title: 'no events: nothing happens',
    async run(context) {
      const transaction = await context.begin()
      assert.deepEqual(await context.journal.append(transaction.tx, []), { created: true, events: [] })
      await transaction.commit()
      await assertEmpty(context)
    },
  },
  {
    id: 'append-10', title: 'a handle that is no open transaction is refused',
    async run(context) {
      const ended = await context.begin()
      await ended.commit()
      for (const tx of [undefined, null, ended.tx]) {
        const outcome = await outcomeOf(context.journal.append(tx, [eventOf({})]))
        assert.ok('error' in outcome, 'an append outside a transaction succeeded')
        assert.equal((outcome.error as { code?: string }).code, 'NOT_IN_TRANSACTION')
      }
      await assertEmpty(context)
    },
  },
  {
    id: 'append-11', title: 'ids are unique, and differ from those of another store and of the outbox',
    async run(context) {
      const other = await context.openAnother()
      const here = idsOf(await context.append({}, {}))
      const there = idsOf((await journalOf(other).appendAlone([eventOf({}), eventOf({})])).events)
      assert.equal(new Set([...here, ...there]).size, 4)
      if (context.opened.outbox === undefined) return
      const message = await context.outbox.enqueueAlone({ type: 'x', payload: 1 })
      assert.notEqual(message.id.split('-')[0], here[0]?.split('-')[0])
    },
  },
  {
    id: 'append-12', title: 'the time is the store\'s, and one for all events of an append',
    async run(context) {
      await context.append({}, {})
      context.clock.advance(50)
      await context.append({})
      const times = (await context.journal.read(STREAM)).map(({ createdAt }) => createdAt - context.clock.now())
      assert.deepEqual(times, [-50, -50, 0])
    },
  },
  {
    id: 'close-1', title: 'after close every call throws CLOSED',
    async run(context) {
      const { id } = only(await context.append({}))
      const transaction = await context.begin()
      await context.store.close()
      const { journal } = context
      const calls: readonly (() => Promise<unknown>)[] = [
        () => journal.append(transaction.tx, [eventOf({})]), () => journal.appendAlone([eventOf({})]),
        () => journal.read(STREAM), () => journal.readAll(), () => journal.readByTag('red'), () => journal.head(),
        () => journal.get(id), () => journal.streams(), () => journal.highestSequence(STREAM),
        () => journal.deleteTo(STREAM, 1),
      ]
      for (const call of calls) await rejectsWith('CLOSED', call)
      await transaction.rollback()
    },
  },
]

async function assertEmpty(context: JournalContext): Promise<void> {
  assert.deepEqual(await context.journal.streams(), [])
  assert.deepEqual((await context.journal.readAll()).events, [])
  assert.deepEqual((await context.journal.readByTag('red')).events, [])
  assert.equal(await context.journal.highestSequence(STREAM), 0n)
}
