/** `cursor-*`: what a cursor is, and what is refused as one. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { idsOf, journalOf, rejectsWith } from './context.js'

export const cursorCases: readonly JournalCase[] = [
  {
    id: 'cursor-1', title: 'pages of any size give every event once, in one order',
    async run(context) {
      const places = await context.append(...Array.from({ length: 30 }, (_, n) => ({ stream: `s${n % 3}` })))
      for (const limit of [1, 7, 29, 30, 31]) {
        assert.deepEqual(await context.follower({ limit }).poll(), idsOf(places))
      }
    },
  },
  {
    id: 'cursor-2', title: 'an empty journal gives a cursor, too, and that finds the first event',
    async run(context) {
      const page = await context.journal.readAll()
      assert.deepEqual([page.events, page.hasMore], [[], false])
      const places = await context.append({})
      assert.deepEqual(await context.follower({ cursor: page.cursor }).poll(), idsOf(places))
    },
  },
  {
    id: 'cursor-3', title: 'followers do not disturb each other, and a cursor does not wear out',
    async run(context) {
      await context.appendMany(10)
      const { cursor } = await context.journal.readAll({ limit: 4 })
      const [quick, slow] = [context.follower({ cursor }), context.follower({ cursor, limit: 1 })]
      for (let round = 0; round < 20; round += 1) {
        await context.append({})
        await quick.poll()
        await slow.page()
      }
      await slow.poll()
      assert.deepEqual(idsOf(slow.events), idsOf(quick.events))
      assert.deepEqual(await context.follower({ cursor, limit: 3 }).poll(), idsOf(quick.events))
    },
  },
  {
    id: 'cursor-4', title: 'the head of an empty journal, of a tag, and beside an append',
    async run(context) {
      const [empty, red] = [await context.journal.head(), await context.journal.head({ tag: 'red' })]
      const places = await context.append({ tags: ['red'] }, {})
      assert.deepEqual(await context.follower({ cursor: empty }).poll(), idsOf(places))
      assert.deepEqual(await context.follower({ cursor: red, tag: 'red' }).poll(), idsOf(places.slice(0, 1)))
      const follower = context.follower({ cursor: await context.journal.head() })
      assert.deepEqual(await follower.poll(), [])
      assert.deepEqual(await follower.poll(), [])
    },
  },
  {
    id: 'cursor-5', title: 'what is no cursor, or one of another filter, is refused',
    async run(context) {
      await context.append({ tags: ['red'] })
      const [all, red] = [await context.journal.readAll(), await context.journal.readByTag('red')]
      const foreign = Buffer.from(JSON.stringify(['x', '', [['1']]])).toString('base64url')
      for (const cursor of ['', '7', 'W10', 'bm90IGpzb24', '\u0000', `${all.cursor}A!`.slice(4), red.cursor]) {
        await rejectsWith('VALIDATION', () => context.journal.readAll({ cursor }))
      }
      await assert.rejects(context.journal.readAll({ cursor: foreign }))
      await rejectsWith('VALIDATION', () => context.journal.readByTag('red', { cursor: all.cursor }))
      await rejectsWith('VALIDATION', () => context.journal.readByTag('blue', { cursor: red.cursor }))
    },
  },
  {
    id: 'cursor-6', title: 'a cursor of another journal is refused with EPOCH_CHANGED',
    async run(context) {
      await context.append({})
      const other = journalOf(await context.openAnother())
      for (const cursor of [(await context.journal.readAll()).cursor, await context.journal.head()]) {
        await rejectsWith('EPOCH_CHANGED', () => other.readAll({ cursor }))
      }
    },
  },
]
