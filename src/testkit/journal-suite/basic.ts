/** `J-*`: what the journal this contract comes from was tested for, case by case. */
import assert from 'node:assert/strict'
import { MAX_U64 } from '../../core/u64.js'
import type { JournalCase } from './case.js'
import { idsOf, rejectsWith, sequencesOf, STREAM, textOf, upTo } from './context.js'

export const basicCases: readonly JournalCase[] = [
  {
    id: 'J-1', title: 'five events are numbered from 1, read back in order, and the highest number is 5',
    async run(context) {
      await context.appendMany(5)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { from: 1, to: 5 })), upTo(5))
      assert.equal(await context.journal.highestSequence(STREAM), 5n)
    },
  },
  {
    id: 'J-2', title: 'two streams are kept apart, also when read up to the largest number there is',
    async run(context) {
      await context.appendMany(3)
      await context.appendMany(2, { stream: 'other' })
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { to: MAX_U64 })), [1, 2, 3])
      assert.deepEqual(sequencesOf(await context.journal.read('other', { from: 0, to: MAX_U64 })), [1, 2])
    },
  },
  {
    id: 'J-3', title: 'an append that would leave a gap is refused',
    async run(context) {
      await context.append({})
      const error = await rejectsWith('SEQUENCE_CONFLICT', () => context.appendWith({ expectedSequence: 2 }, {}))
      assert.deepEqual(error.details, { stream: STREAM, expectedSequence: '2', actualSequence: '1' })
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [1])
    },
  },
  {
    id: 'J-4', title: 'a deletion up to 2 hides two events and touches no other stream',
    async run(context) {
      await context.appendMany(4)
      await context.appendMany(3, { stream: 'other' })
      await context.journal.deleteTo(STREAM, 2)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [3, 4])
      assert.deepEqual(sequencesOf(await context.journal.read('other')), [1, 2, 3])
    },
  },
  {
    id: 'J-5', title: 'the highest number survives a deletion of everything',
    async run(context) {
      await context.appendMany(3)
      await context.journal.deleteTo(STREAM, 3)
      assert.equal(await context.journal.highestSequence(STREAM), 3n)
    },
  },
  {
    id: 'J-6', title: 'a limit of one gives one',
    async run(context) {
      await context.appendMany(3)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { limit: 1 })), [1])
    },
  },
  {
    id: 'J-7', title: 'a range includes both ends',
    async run(context) {
      await context.appendMany(10)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { from: 4, to: 7 })), [4, 5, 6, 7])
    },
  },
  {
    id: 'J-8', title: 'a limit of zero gives nothing',
    async run(context) {
      await context.appendMany(3)
      assert.deepEqual(await context.journal.read(STREAM, { limit: 0 }), [])
    },
  },
  {
    id: 'J-9', title: 'reading twice gives the same numbers and the same bytes',
    async run(context) {
      await context.append({ payload: 'a' }, { payload: 'b' })
      const [first, second] = [await context.journal.read(STREAM), await context.journal.read(STREAM)]
      assert.deepEqual(first, second)
      assert.deepEqual(first.map(textOf), ['"a"', '"b"'])
    },
  },
  {
    id: 'J-10', title: 'reading from inside what is deleted leaks none of it',
    async run(context) {
      await context.appendMany(10)
      await context.journal.deleteTo(STREAM, 5)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { from: 3 })), [6, 7, 8, 9, 10])
    },
  },
  {
    id: 'J-11', title: 'the highest number is that of the last event, not of the last that is left',
    async run(context) {
      await context.appendMany(10)
      await context.journal.deleteTo(STREAM, 5)
      assert.equal(await context.journal.highestSequence(STREAM), 10n)
    },
  },
  {
    id: 'J-12', title: 'an unknown stream is empty and at 0',
    async run(context) {
      await context.append({})
      assert.deepEqual(await context.journal.read('unknown'), [])
      assert.equal(await context.journal.highestSequence('unknown'), 0n)
    },
  },
  {
    id: 'J-13', title: 'reading from past the end gives nothing',
    async run(context) {
      await context.appendMany(3)
      assert.deepEqual(await context.journal.read(STREAM, { from: 4 }), [])
      assert.deepEqual(await context.journal.read(STREAM, { from: MAX_U64 }), [])
    },
  },
  {
    id: 'J-14', title: 'a deletion up to 0 deletes nothing, one of an unknown stream neither',
    async run(context) {
      await context.appendMany(2)
      await context.journal.deleteTo(STREAM, 0)
      await context.journal.deleteTo('unknown', 7)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [1, 2])
      assert.deepEqual(sequencesOf(await context.append({ stream: 'unknown' })), [1])
      assert.equal((await context.journal.read('unknown')).length, 1)
    },
  },
  {
    id: 'J-15', title: 'a range that ends before it begins is empty',
    async run(context) {
      await context.appendMany(5)
      assert.deepEqual(await context.journal.read(STREAM, { from: 4, to: 3 }), [])
    },
  },
  {
    id: 'J-16', title: 'two writers on two streams at once, one event at a time: both dense, nothing leaks',
    async run(context) {
      const write = async (stream: string, count: number): Promise<void> => {
        for (let n = 0; n < count; n += 1) await context.append({ stream, payload: stream })
      }
      await Promise.all([write('a', 20), write('b', 15)])
      for (const [stream, count] of [['a', 20], ['b', 15]] as const) {
        const events = await context.journal.read(stream)
        assert.deepEqual(sequencesOf(events), upTo(count))
        assert.ok(events.every((event) => textOf(event) === `"${stream}"`))
      }
    },
  },
  {
    id: 'J-17', title: 'of red, blue and red, two are red and one is blue',
    async run(context) {
      const [red, blue, again] = await context.append({ tags: ['red'] }, { tags: ['blue'] }, { tags: ['red'] })
      assert.deepEqual(idsOf((await context.journal.readByTag('red')).events), [red?.id, again?.id])
      assert.deepEqual(idsOf((await context.journal.readByTag('blue')).events), [blue?.id])
    },
  },
]
