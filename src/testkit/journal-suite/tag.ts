/** `tag-*`: events by tag. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { idsOf, only, type EventPart } from './context.js'

export const tagCases: readonly JournalCase[] = [
  {
    id: 'tag-1', title: 'streams of all lengths are followed by tag without passing any over',
    async run(context) {
      // Where sequence numbers were cursors, a short stream's events would lie behind those of a long one.
      const parts: EventPart[] = Array.from({ length: 40 }, () => ({ stream: 'long', tags: ['red'] }))
      const first = await context.append(...parts)
      const follower = context.follower({ tag: 'red' })
      assert.deepEqual(await follower.poll(), idsOf(first))
      const second = await context.append({ stream: 'short', tags: ['red'] }, { stream: 'other', tags: ['blue'] })
      assert.deepEqual(await follower.poll(), idsOf(second.slice(0, 1)))
    },
  },
  {
    id: 'tag-2', title: 'an event of several tags is found by each, and a repeated tag counts once',
    async run(context) {
      const place = only(await context.append({ tags: ['b', 'a', 'b', 'a'] }))
      for (const tag of ['a', 'b']) {
        const event = only((await context.journal.readByTag(tag)).events)
        assert.deepEqual([event.id, event.tags], [place.id, ['b', 'a']])
      }
    },
  },
  {
    id: 'tag-3', title: 'tags are compared as they are',
    async run(context) {
      const tags = ['a', 'A', 'a ', 'ä', 'a\u0308', '%', '_', '\\', `'`, '"', '{a,b}', 'null', '🚚', 'a'.repeat(255)]
      const places = await context.append(...tags.map((tag) => ({ tags: [tag] })))
      for (const [n, tag] of tags.entries()) {
        assert.deepEqual(idsOf((await context.journal.readByTag(tag)).events), [places[n]?.id], tag)
      }
    },
  },
  {
    id: 'tag-4', title: 'pages of a rare tag among many others',
    async run(context) {
      const parts = Array.from({ length: 900 }, (_, n) => ({ tags: [n % 90 === 0 ? 'rare' : 'frequent'] }))
      const places = await context.append(...parts)
      const rare = idsOf(places.filter((_, n) => n % 90 === 0))
      assert.deepEqual(await context.follower({ tag: 'rare', limit: 3 }).poll(), rare)
      const follower = context.follower({ tag: 'rare' })
      assert.deepEqual(await follower.poll(), rare)
      await context.appendMany(50)
      assert.deepEqual(await follower.poll(), [])
      const last = await context.append({ tags: ['rare'] })
      assert.deepEqual(await follower.poll(), idsOf(last))
    },
  },
]
