/** `idempotency-*`: one key, one append. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { JournalCase } from './case.js'
import { idsOf, outcomeOf, rejectsWith, STREAM } from './context.js'

const KEY = { idempotencyKey: 'key-1' }

export const idempotencyCases: readonly JournalCase[] = [
  {
    id: 'idempotency-1', title: 'a repetition answers the same events, of all their streams, and writes nothing',
    async run(context) {
      const parts = [{ stream: 'b' }, { stream: 'a' }, { stream: 'b', payload: 2 }]
      const first = await context.appendWith(KEY, ...parts)
      const again = await context.appendWith(KEY, ...parts)
      assert.deepEqual([first.created, again.created], [true, false])
      assert.deepEqual(again.events, first.events)
      assert.equal((await context.journal.readAll()).events.length, 3)
    },
  },
  {
    id: 'idempotency-2',
    title: 'other content under one key is a CONFLICT that leaves nothing, and the transaction usable',
    async run(context) {
      await context.appendWith(KEY, {})
      const others = [
        [{ payload: 2 }], [{ type: 'other' }], [{ stream: 'other' }], [{ tags: ['red'] }], [{}, {}],
        [{ payload: Buffer.from('{"n":1}'), contentType: 'text/plain' }],
      ]
      for (const parts of others) {
        const transaction = await context.begin()
        const drafts = parts.map((part) => ({ stream: STREAM, type: 'order.placed', payload: { n: 1 }, ...part }))
        const error = await rejectsWith('CONFLICT', () => context.journal.append(transaction.tx, drafts, KEY))
        assert.equal(error.details['idempotencyKey'], 'key-1')
        await context.appendIn(transaction, { stream: 'kept' })
        await transaction.commit()
      }
      assert.equal(await context.journal.highestSequence(STREAM), 1n)
      assert.equal(await context.journal.highestSequence('kept'), BigInt(others.length))
    },
  },
  {
    id: 'idempotency-3', title: 'a repetition is one whatever is expected of the stream by now',
    async run(context) {
      const first = await context.appendWith({ ...KEY, expectedSequence: 0 }, {})
      await context.append({})
      const again = await context.appendWith({ ...KEY, expectedSequence: 0 }, {})
      assert.deepEqual(again, { created: false, events: first.events })
    },
  },
  {
    id: 'idempotency-4', title: 'keys of two writers are two keys, and one of no writer is a third',
    async run(context) {
      for (const writerId of ['a', 'b', undefined]) {
        assert.equal((await context.appendWith({ ...KEY, writerId }, {})).created, true)
        assert.equal((await context.appendWith({ ...KEY, writerId }, {})).created, false)
      }
      assert.equal(await context.journal.highestSequence(STREAM), 3n)
    },
  },
  {
    id: 'idempotency-5', title: 'a key whose append was rolled back, refused or undone is free',
    async run(context) {
      const dropped = await context.begin()
      await context.journal.append(dropped.tx, [{ stream: STREAM, type: 't', payload: 1 }], KEY)
      await dropped.rollback()
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ ...KEY, expectedSequence: 9 }, {}))
      const transaction = await context.begin()
      const savepoint = await transaction.savepoint?.()
      if (savepoint !== undefined) {
        await context.journal.append(transaction.tx, [{ stream: STREAM, type: 't', payload: 2 }], KEY)
        await savepoint.rollback()
      }
      await transaction.commit()
      assert.equal((await context.appendWith(KEY, {})).created, true)
    },
  },
  {
    id: 'idempotency-6', title: 'a key is waited for while another transaction holds it', concurrent: true,
    async run(context) {
      const draft = [{ stream: STREAM, type: 't', payload: 1 }]
      for (const end of ['rollback', 'commit'] as const) {
        const [first, second] = [await context.begin(), await context.begin()]
        const mine = await context.journal.append(first.tx, draft, KEY)
        const waiting = outcomeOf(context.journal.append(second.tx, draft, KEY))
        await first[end]()
        const outcome = await waiting
        assert.ok('value' in outcome, `the second append failed: ${inspect(outcome)}`)
        assert.equal(outcome.value.created, end === 'rollback')
        if (end === 'commit') assert.deepEqual(outcome.value.events, mine.events)
        await (end === 'commit' ? second.commit() : second.rollback())
      }
      assert.equal(await context.journal.highestSequence(STREAM), 1n)
    },
  },
  {
    id: 'idempotency-7', title: 'the same key many times at once makes one append',
    async run(context) {
      const results = await Promise.all(Array.from({ length: 12 }, () => context.appendWith(KEY, {}, { stream: 'b' })))
      assert.equal(results.filter(({ created }) => created).length, 1)
      assert.equal(new Set(results.map(({ events }) => idsOf(events).join())).size, 1)
      assert.equal((await context.journal.readAll()).events.length, 2)
    },
  },
  {
    id: 'idempotency-8', title: 'a repetition inside one transaction, awaited or not, is one',
    async run(context) {
      const transaction = await context.begin()
      const draft = [{ stream: STREAM, type: 't', payload: 1 }]
      const results = await Promise.all([1, 2, 3].map(() => context.journal.append(transaction.tx, draft, KEY)))
      await transaction.commit()
      assert.deepEqual(results.map(({ created }) => created), [true, false, false])
      assert.equal(await context.journal.highestSequence(STREAM), 1n)
    },
  },
  {
    id: 'idempotency-9', title: 'a repetition still answers its events when they are deleted',
    async run(context) {
      const first = await context.appendWith(KEY, {}, {})
      await context.journal.deleteTo(STREAM, 2)
      assert.deepEqual(await context.appendWith(KEY, {}, {}), { created: false, events: first.events })
    },
  },
]
