/** `tail-*`: events that become visible behind others which were already read are found, once each, in stream order. */
import assert from 'node:assert/strict'
import type { EventPlace } from '../../journal/event.js'
import { forEachSeed } from '../random.js'
import type { OpenTransaction } from '../open-transactions.js'
import type { JournalCase } from './case.js'
import { idsOf, type JournalContext } from './context.js'

export const tailCases: readonly JournalCase[] = [
  {
    id: 'tail-1', title: 'an earlier position commits after later ones were read', concurrent: true,
    async run(context) {
      const follower = context.follower()
      const late = await context.begin()
      const early = await context.appendIn(late, { stream: 'late' }, { stream: 'late' })
      const rest = await context.appendMany(3)
      assert.deepEqual(await follower.poll(), idsOf(rest))
      assert.deepEqual(await follower.poll(), [])
      await late.commit()
      assert.deepEqual(await follower.poll(), idsOf(early))
      assert.deepEqual(await follower.poll(), [])
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-2', title: 'an earlier position commits after many pages of later ones', concurrent: true,
    async run(context) {
      const follower = context.follower({ limit: 90 })
      const late = await context.begin()
      const early = await context.appendIn(late, { stream: 'late' })
      const rest = await context.appendMany(2_000)
      assert.deepEqual(await follower.poll(), idsOf(rest))
      await late.commit()
      assert.deepEqual(await follower.poll(), idsOf(early))
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-3', title: 'an earlier transaction that rolls back late leaves nothing', concurrent: true,
    async run(context) {
      const follower = context.follower({ limit: 2 })
      const late = await context.begin()
      await context.appendIn(late, { stream: 'late' }, { stream: 'late' })
      const rest = await context.appendMany(3)
      assert.deepEqual(await follower.poll(), idsOf(rest))
      await late.rollback()
      assert.deepEqual(await follower.poll(), [])
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-4', title: 'a late transaction keeps what its savepoint did not undo', concurrent: true,
    async run(context) {
      const follower = context.follower()
      const late = await context.begin()
      const kept = [...await context.appendIn(late, { stream: 'late' })]
      const savepoint = await late.savepoint?.()
      if (savepoint !== undefined) {
        await context.appendIn(late, { stream: 'late' }, { stream: 'undone' })
        await savepoint.rollback()
      }
      kept.push(...await context.appendIn(late, { stream: 'late' }))
      const other = await context.append({})
      assert.deepEqual(await follower.poll(), idsOf(other))
      await late.commit()
      assert.deepEqual(await follower.poll(), idsOf(kept))
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-5', title: 'a writer stays open while a hundred others commit and are read, then commits',
    concurrent: true,
    async run(context) {
      const follower = context.follower()
      const late = await context.begin()
      const early = [...await context.appendIn(late, { stream: 'late' })]
      for (let round = 0; round < 100; round += 1) {
        const places = await context.append({})
        assert.deepEqual(await follower.poll(), idsOf(places))
      }
      early.push(...await context.appendIn(late, { stream: 'late' }))
      await late.commit()
      assert.deepEqual(await follower.poll(), idsOf(early))
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-6', title: 'a late transaction of 3,000 events, larger than many pages, comes whole and in order',
    concurrent: true,
    async run(context) {
      const [follower, tagged] = [context.follower({ limit: 170 }), context.follower({ limit: 170, tag: 'late' })]
      const late = await context.begin()
      const parts = Array.from({ length: 3_000 }, (_, n) => ({ stream: `late${n % 7}`, tags: ['late'] }))
      const early = await context.appendIn(late, ...parts)
      const rest = await context.appendMany(500, { tags: ['late'] })
      assert.deepEqual([await follower.poll(), await tagged.poll()], [idsOf(rest), idsOf(rest)])
      await late.commit()
      const more = await context.appendMany(5, { tags: ['late'] })
      assert.deepEqual(await follower.poll(), idsOf([...early, ...more]))
      assert.deepEqual(await tagged.poll(), idsOf([...early, ...more]))
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-7', title: 'writers that commit in the reverse order of their positions', concurrent: true,
    async run(context) {
      const follower = context.follower({ limit: 1 })
      const writers: { transaction: OpenTransaction<unknown>; places: readonly EventPlace[] }[] = []
      for (let n = 0; n < 4; n += 1) {
        const transaction = await context.begin()
        const stream = `s${n}`
        writers.push({ transaction, places: await context.appendIn(transaction, { stream }, { stream }) })
      }
      for (const { transaction, places } of writers.reverse()) {
        await transaction.commit()
        assert.deepEqual(await follower.poll(), idsOf(places))
      }
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-8', title: 'a follower from the head gets what was open when it began, and nothing that was committed',
    concurrent: true,
    async run(context) {
      await context.appendMany(3)
      const late = await context.begin()
      const early = await context.appendIn(late, { stream: 'late' })
      await context.append({})
      const follower = context.follower({ cursor: await context.journal.head() })
      assert.deepEqual(await follower.poll(), [])
      await late.commit()
      assert.deepEqual(await follower.poll(), idsOf(early))
    },
    serial: commitsInOrder,
  },
  {
    id: 'tail-9',
    title: 'property: any interleaving of writers and followers gives what committed, once each, in order',
    concurrent: true,
    run: (context) => forEachSeed(context.seeds(8), async (random, seed) => {
      const tag = `tag-${seed}`
      const open: { transaction: OpenTransaction<unknown>; ids: string[]; stream: string }[] = []
      const committed = new Set<string>()
      const start = await context.journal.head({ tag })
      const followers = [1, 2, 3].map((limit) => context.follower({ tag, cursor: start, limit }))
      for (let step = 0; step < 30 || open.length > 0; step += 1) {
        const kind = step < 30 ? random.integer(0, 4) : 1
        if (kind === 0 && open.length < 4) {
          // A stream of its own, because a second writer would wait for the first.
          open.push({ transaction: await context.begin(), ids: [], stream: `${seed}-${step}` })
        }
        const writer = open.length === 0 ? undefined : random.pick(open)
        if (kind === 1 && writer !== undefined) {
          open.splice(open.indexOf(writer), 1)
          if (random.next() < 0.25) await writer.transaction.rollback()
          else {
            await writer.transaction.commit()
            for (const id of writer.ids) committed.add(id)
          }
        }
        if (kind === 2 && writer !== undefined) {
          const parts = Array.from({ length: random.integer(1, 4) }, () => ({ stream: writer.stream, tags: [tag] }))
          writer.ids.push(...idsOf(await context.appendIn(writer.transaction, ...parts)))
        }
        if (kind > 2) await random.pick(followers).page()
      }
      for (const follower of followers) {
        await follower.poll()
        assert.deepEqual(idsOf(follower.events).toSorted(), [...committed].toSorted())
      }
    }),
    serial: commitsInOrder,
  },
]

/** With one writer at a time nothing comes late; positions follow commits, and what rolled back leaves no trace. */
async function commitsInOrder(context: JournalContext): Promise<void> {
  const follower = context.follower({ limit: 1 })
  for (let round = 0; round < 10; round += 1) {
    const dropped = await context.begin()
    await context.appendIn(dropped, {})
    await dropped.rollback()
    const kept = await context.begin()
    const places = await context.appendIn(kept, {}, { stream: 'other' })
    await kept.commit()
    assert.deepEqual(await follower.poll(), idsOf(places))
  }
}
