/** `delete-*`: logical deletion. */
import assert from 'node:assert/strict'
import { MAX_U64 } from '../../core/u64.js'
import type { JournalCase } from './case.js'
import { idsOf, sequencesOf, STREAM } from './context.js'

export const deleteCases: readonly JournalCase[] = [
  {
    id: 'delete-1', title: 'writes after a deletion go on from the highest number, and are read',
    async run(context) {
      await context.appendMany(3)
      await context.journal.deleteTo(STREAM, 3)
      assert.deepEqual(sequencesOf(await context.append({}, {})), [4, 5])
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [4, 5])
      assert.equal(await context.journal.highestSequence(STREAM), 5n)
    },
  },
  {
    id: 'delete-2', title: 'a smaller number later undoes nothing',
    async run(context) {
      await context.appendMany(5)
      await context.journal.deleteTo(STREAM, 4)
      await context.journal.deleteTo(STREAM, 2)
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [5])
    },
  },
  {
    id: 'delete-3', title: 'a number past the end, up to the largest, deletes what is there and nothing to come',
    async run(context) {
      for (const [n, sequence] of [9n, 2n ** 63n - 1n, 2n ** 63n, MAX_U64].entries()) {
        const stream = `s${n}`
        await context.appendMany(2, { stream })
        await context.journal.deleteTo(stream, sequence)
        assert.deepEqual(await context.journal.read(stream), [])
        await context.append({ stream })
        assert.deepEqual(sequencesOf(await context.journal.read(stream)), [3])
      }
    },
  },
  {
    id: 'delete-4', title: 'a stream of deleted events stays listed, with how far it is deleted',
    async run(context) {
      await context.appendMany(3)
      await context.journal.deleteTo(STREAM, 2)
      const [summary] = await context.journal.streams()
      assert.deepEqual([summary?.highestSequence, summary?.deletedTo], [3n, 2n])
    },
  },
  {
    id: 'delete-5', title: 'a follower still gets what it has not passed, and a pointer still finds its event',
    async run(context) {
      const places = await context.appendMany(3, { tags: ['red'] })
      const { cursor } = await context.journal.readAll({ limit: 1 })
      await context.journal.deleteTo(STREAM, 3)
      assert.deepEqual(await context.follower({ cursor }).poll(), idsOf(places.slice(1)))
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), idsOf(places))
      assert.equal((await context.journal.get(places[0]?.id ?? ''))?.sequence, 1n)
    },
  },
  {
    id: 'delete-6', title: 'beside an append that is still open, what that writes is not deleted', concurrent: true,
    async run(context) {
      await context.appendMany(2)
      const open = await context.begin()
      await context.appendIn(open, {})
      const deleting = context.journal.deleteTo(STREAM, MAX_U64)
      await context.journal.highestSequence(STREAM)
      await open.commit()
      await deleting
      const left = sequencesOf(await context.journal.read(STREAM))
      // Whoever waits for the append deletes it as well; both are an order of the two.
      assert.ok(left.length === 0 || left[0] === 3, String(left))
      assert.deepEqual(sequencesOf(await context.append({})), [4])
    },
  },
]
