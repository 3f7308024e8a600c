/** `progress-purge-*`: dead letters of publishers that go by age. */
import assert from 'node:assert/strict'
import type { PurgeDeadEvents } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import { deadOf, NAME, partOf, type ProgressContext } from './context.js'

const DAY_MS = 86_400_000
const ALL = { publisher: undefined, olderThanMs: 0, limit: 1_000, dryRun: false } satisfies PurgeDeadEvents

/** Each a millisecond after the one before. */
async function bury(context: ProgressContext, ids: readonly string[], publisher = NAME): Promise<void> {
  const { parts } = await context.take('a', { publisher })
  const part = partOf(parts, 'a')
  for (const id of ids) {
    const progress = { ...part, held: [], freed: [], dead: [deadOf(id)] }
    assert.deepEqual(await context.store.save({ publisher, parts: [progress] }), [true])
    context.clock.advance(1)
  }
}

async function idsOf(context: ProgressContext, publisher = NAME): Promise<readonly string[]> {
  return (await context.dead(publisher)).map(({ id }) => id)
}

export const purgeCases: readonly ProgressCase[] = [
  {
    id: 'progress-purge-1', title: 'a dead letter goes when it was given up exactly as long ago as asked, not sooner',
    async run(context) {
      await bury(context, ['e-1', 'e-2'])
      const request = { ...ALL, olderThanMs: DAY_MS }
      context.clock.advance(DAY_MS - 3)
      assert.equal(await context.store.purgeDead(request), 0)
      context.clock.advance(1)
      assert.equal(await context.store.purgeDead(request), 1)
      assert.deepEqual(await idsOf(context), ['e-2'])
      context.clock.advance(1)
      assert.equal(await context.other.purgeDead(request), 1)
      assert.deepEqual(await idsOf(context), [])
    },
  },
  {
    id: 'progress-purge-2', title: 'at most the limit, the oldest first; counting takes nothing',
    async run(context) {
      await bury(context, ['c', 'b', 'a', 'd', 'e'])
      for (const [limit, count] of [[2, 2], [100, 5]] as const) {
        assert.equal(await context.store.purgeDead({ ...ALL, limit, dryRun: true }), count)
      }
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 3 }), 3)
      assert.deepEqual(await idsOf(context), ['d', 'e'])
    },
  },
  {
    id: 'progress-purge-3', title: 'of one publisher, or of all, the oldest of all first',
    async run(context) {
      await bury(context, ['e-1', 'e-2'])
      await bury(context, ['e-1', 'e-3'], 'other')
      assert.equal(await context.store.purgeDead({ ...ALL, publisher: 'unknown' }), 0)
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 3, dryRun: true }), 3)
      assert.equal(await context.store.purgeDead({ ...ALL, limit: 3 }), 3)
      assert.deepEqual([await idsOf(context), await idsOf(context, 'other')], [[], ['e-3']])
      await bury(context, ['e-4'])
      assert.equal(await context.store.purgeDead({ ...ALL, publisher: 'other' }), 1)
      assert.deepEqual([await idsOf(context), await idsOf(context, 'other')], [['e-4'], []])
    },
  },
  {
    id: 'progress-purge-4', title: 'what was given up again is as young as that; nothing else of a publisher goes',
    async run(context) {
      await bury(context, ['e-1', 'e-2'])
      context.clock.advance(DAY_MS)
      await bury(context, ['e-1'])
      const before = await context.look()
      assert.equal(await context.store.purgeDead({ ...ALL, olderThanMs: DAY_MS }), 1)
      assert.deepEqual(await idsOf(context), ['e-1'])
      assert.deepEqual(await context.look(), before)
    },
  },
]
