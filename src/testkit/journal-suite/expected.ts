/** `expected-*`: an append that says where its streams must be. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { MAX_U64 } from '../../core/u64.js'
import { isWaybillError } from '../../core/errors.js'
import type { JournalCase } from './case.js'
import { idsOf, outcomeOf, rejectsWith, sequencesOf, STREAM, upTo } from './context.js'

export const expectedCases: readonly JournalCase[] = [
  {
    id: 'expected-1', title: '0 is a new stream, n one at n; both only once',
    async run(context) {
      await context.appendWith({ expectedSequence: 0 }, {}, {})
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 0 }, {}))
      await context.appendWith({ expectedSequence: 2n }, {})
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 2n }, {}))
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 1 }, { stream: 'new' }))
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), upTo(3))
      assert.equal((await context.journal.streams()).length, 1)
    },
  },
  {
    id: 'expected-2', title: 'a refused append leaves nothing, and its transaction usable',
    async run(context) {
      await context.append({})
      const transaction = await context.begin()
      const kept = [...await context.appendIn(transaction, {})]
      await rejectsWith('SEQUENCE_CONFLICT', () => context.journal.append(transaction.tx,
        [{ stream: 'a', type: 't', payload: 1, tags: ['red'] }, { stream: STREAM, type: 't', payload: 1 }],
        { expectedSequence: { a: 0, [STREAM]: 7 }, idempotencyKey: 'k' }))
      kept.push(...await context.appendIn(transaction, {}, { stream: 'a' }))
      await transaction.commit()
      assert.deepEqual(sequencesOf(kept), [2, 3, 1])
      assert.deepEqual((await context.follower().poll()).slice(1), idsOf(kept))
      assert.deepEqual((await context.journal.readByTag('red')).events, [])
      assert.equal((await context.appendWith({ idempotencyKey: 'k' }, {})).created, true)
    },
  },
  {
    id: 'expected-3', title: 'of several streams every expectation must hold, whichever fails first',
    async run(context) {
      await context.append({ stream: 'a' }, { stream: 'b' }, { stream: 'b' })
      const both = [{ stream: 'c' }, { stream: 'b' }, { stream: 'a' }]
      for (const expectedSequence of [{ a: 1, b: 1 }, { a: 0, b: 2 }, { c: 1, a: 1, b: 2 }, { b: MAX_U64 }]) {
        await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence }, ...both))
      }
      assert.equal((await context.journal.readAll()).events.length, 3)
      const { events } = await context.appendWith({ expectedSequence: { a: 1, b: 2, c: 0 } }, ...both)
      assert.deepEqual(sequencesOf(events), [1, 3, 2])
      await context.appendWith({ expectedSequence: { a: 2 } }, { stream: 'b' }, { stream: 'a' })
    },
  },
  {
    id: 'expected-4', title: 'a number beyond all that is assigned is a conflict like any other',
    async run(context) {
      await context.append({})
      for (const expectedSequence of [2n ** 63n - 1n, 2n ** 63n, MAX_U64]) {
        const error = await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence }, {}))
        assert.deepEqual(error.details, {
          stream: STREAM, expectedSequence: String(expectedSequence), actualSequence: '1',
        })
      }
    },
  },
  {
    id: 'expected-5', title: 'an expectation is judged after waiting for the writer before', concurrent: true,
    async run(context) {
      for (const [end, fits] of [['commit', false], ['rollback', true]] as const) {
        const stream = `after ${end}`
        const [first, second] = [await context.begin(), await context.begin()]
        await context.appendIn(first, { stream })
        const draft = [{ stream, type: 't', payload: 1 }]
        const waiting = outcomeOf(context.journal.append(second.tx, draft, { expectedSequence: 0 }))
        await first[end]()
        const outcome = await waiting
        if (fits) assert.ok('value' in outcome, 'the stream was where it was expected')
        else assert.ok('error' in outcome && isWaybillError(outcome.error, 'SEQUENCE_CONFLICT'), inspect(outcome))
        assert.deepEqual(sequencesOf(await context.appendIn(second, { stream })), [2])
        await second.commit()
        assert.equal(await context.journal.highestSequence(stream), 2n)
      }
    },
  },
  {
    id: 'expected-6', title: 'an expectation counts what its own transaction has appended',
    async run(context) {
      const transaction = await context.begin()
      await context.appendIn(transaction, {}, {})
      const draft = [{ stream: STREAM, type: 't', payload: 1 }]
      await rejectsWith('SEQUENCE_CONFLICT', () =>
        context.journal.append(transaction.tx, draft, { expectedSequence: 0 }))
      await context.journal.append(transaction.tx, draft, { expectedSequence: 2 })
      await transaction.commit()
      assert.equal(await context.journal.highestSequence(STREAM), 3n)
    },
  },
  {
    id: 'expected-7', title: 'a deletion changes nothing in what is expected',
    async run(context) {
      await context.appendMany(3)
      await context.journal.deleteTo(STREAM, 3)
      await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 0 }, {}))
      await context.appendWith({ expectedSequence: 3 }, {})
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [4])
    },
  },
]
