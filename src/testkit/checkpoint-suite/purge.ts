/** `checkpoint-purge-*`: dead letters of subscribers that go by age. */
import assert from 'node:assert/strict'
import type { PurgeDeadResults } from '../../feeds/checkpoints.js'
import type { CheckpointCase } from './case.js'
import { checkpointOf, deadOf, NAME, savedOf, type CheckpointContext } from './context.js'

const DAY_MS = 86_400_000
const ALL = { subscriber: undefined, olderThanMs: 0, limit: 1_000, dryRun: false } satisfies PurgeDeadResults

/** Each a millisecond after the one before. */
async function bury(context: CheckpointContext, sequences: readonly bigint[], subscriber = NAME): Promise<void> {
  const { term } = await context.take('a', subscriber)
  for (const sequence of sequences) {
    assert.equal(await context.save(term, { subscriber, dead: [deadOf(sequence)] }), true)
    context.clock.advance(1)
  }
}

async function left(context: CheckpointContext, subscriber = NAME): Promise<readonly bigint[]> {
  return (await context.dead(subscriber)).map(({ sequence }) => sequence)
}

export const purgeCases: readonly CheckpointCase[] = [
  {
    id: 'checkpoint-purge-1', title: 'a dead letter goes when it was given up exactly as long ago as asked, not sooner',
    async run(context) {
      await bury(context, [7n, 2n])
      const request = { ...ALL, olderThanMs: DAY_MS }
      context.clock.advance(DAY_MS - 3)
      assert.equal(await context.store.purgeDead(request), 0)
      context.clock.advance(1)
      assert.equal(await context.store.purgeDead(request), 1)
      assert.deepEqual(await left(context), [2n])
      context.clock.advance(1)
      assert.equal(await context.other.purgeDead(request), 1)
      assert.deepEqual(await left(context), [])
    },
  },
  {
    id: 'checkpoint-purge-2', title: 'at most the limit, the oldest first; counting takes nothing',
    async run(context) {
      await bury(context, [5n, 3n, 9n, 1n, 7n])
      for (const [limit, count] of [[2, 2], [100, 5]] as const) {
        assert.equal(await context.store.purgeDead({ ...ALL, limit, dryRun: true }), count)
      }
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 3 }), 3)
      assert.deepEqual(await left(context), [1n, 7n])
    },
  },
  {
    id: 'checkpoint-purge-3', title: 'of one subscriber, or of all',
    async run(context) {
      const names = [NAME, 'other', '{}', 'x'.repeat(255)]
      for (const name of names) await bury(context, [1n], name)
      assert.equal(await context.store.purgeDead({ ...ALL, subscriber: NAME }), 1)
      assert.equal(await context.store.purgeDead({ ...ALL, subscriber: 'unknown' }), 0)
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 2, dryRun: true }), 2)
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 2 }), 2)
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 2 }), 1)
      assert.equal(await context.store.purgeDead(ALL), 0)
    },
  },
  {
    id: 'checkpoint-purge-4', title: 'what was given up again is as young as that; checkpoint, term and lease stay',
    async run(context) {
      await bury(context, [1n, 2n])
      context.clock.advance(DAY_MS)
      const { term } = await context.take('a')
      await context.save(term, { checkpoints: [checkpointOf('orders', 9n)], dead: [deadOf(1n, { error: 'again' })] })
      const before = await context.look()
      assert.equal(await context.store.purgeDead({ ...ALL, olderThanMs: DAY_MS }), 1)
      assert.deepEqual(await left(context), [1n])
      assert.deepEqual(await context.look(), before)
      assert.deepEqual(savedOf(before), [checkpointOf('orders', 9n)])
    },
  },
]
