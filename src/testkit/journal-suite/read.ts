/**
 * `Q-*`: the questions of the read side this contract comes from. Its eighth, reading as of a time, had no answer but
 * the full list, and has no method here.
 */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { idsOf, only, sequencesOf, STREAM } from './context.js'

export const readCases: readonly JournalCase[] = [
  {
    id: 'Q-1', title: 'a stream is read by range, one page after another',
    async run(context) {
      await context.appendMany(7)
      const pages: number[][] = []
      for (let from = 1n; ; ) {
        const page = await context.journal.read(STREAM, { from, limit: 3 })
        if (page.length === 0) break
        pages.push(sequencesOf(page))
        from = (page.at(-1)?.sequence ?? 0n) + 1n
      }
      assert.deepEqual(pages, [[1, 2, 3], [4, 5, 6], [7]])
    },
  },
  {
    id: 'Q-2', title: 'the same cursor gives the same events again, and then what has come since',
    async run(context) {
      await context.appendMany(2)
      const { cursor } = await context.journal.readAll()
      const later = await context.appendMany(2)
      const once = await context.journal.readAll({ cursor })
      const latest = await context.append({ stream: 'other' })
      const twice = await context.journal.readAll({ cursor })
      assert.deepEqual(idsOf(once.events), idsOf(later))
      assert.deepEqual(idsOf(twice.events), idsOf([...later, ...latest]))
    },
  },
  {
    id: 'Q-3', title: 'no cursor means from the first event, a cursor from behind it, the head from now',
    async run(context) {
      const before = await context.appendMany(3)
      const head = await context.journal.head()
      const page = await context.journal.readAll({ limit: 1 })
      const after = await context.appendMany(1)
      assert.deepEqual(idsOf(page.events), idsOf(before.slice(0, 1)))
      assert.deepEqual(await context.follower({ cursor: page.cursor }).poll(), idsOf([...before.slice(1), ...after]))
      assert.deepEqual(await context.follower({ cursor: head }).poll(), idsOf(after))
    },
  },
  {
    id: 'Q-4', title: 'a tag is read across streams; an unknown one is empty',
    async run(context) {
      const places = await context.append(
        { stream: 'a', tags: ['red'] }, { stream: 'b' }, { stream: 'b', tags: ['blue', 'red'] })
      const { events } = await context.journal.readByTag('red')
      assert.deepEqual(idsOf(events), [places[0]?.id, places[2]?.id])
      const unknown = await context.journal.readByTag('unknown')
      assert.deepEqual([unknown.events, unknown.hasMore], [[], false])
    },
  },
  {
    id: 'Q-5', title: 'a cursor stands behind the event it came with, never on it',
    async run(context) {
      const places = await context.append({ tags: ['red'] }, { tags: ['red'] }, { tags: ['red'] })
      const first = await context.journal.readByTag('red', { limit: 1 })
      const second = await context.journal.readByTag('red', { limit: 1, cursor: first.cursor })
      assert.deepEqual(idsOf([...first.events, ...second.events]), idsOf(places.slice(0, 2)))
    },
  },
  {
    id: 'Q-6', title: 'each stream is listed once, with its highest number',
    async run(context) {
      await context.appendMany(3, { stream: 'b' })
      await context.append({ stream: 'a' }, { stream: 'b' })
      assert.deepEqual(await context.journal.streams(), [
        { scope: context.scope, stream: 'a', highestSequence: 1n, deletedTo: 0n },
        { scope: context.scope, stream: 'b', highestSequence: 4n, deletedTo: 0n },
      ])
    },
  },
  {
    id: 'Q-7', title: 'every field comes back as it was given, by stream, by cursor, by tag and by id',
    async run(context) {
      const bytes = Uint8Array.of(0, 1, 254, 255)
      const { events: [place] } = await context.appendWith({ writerId: 'writer-1' }, {
        stream: 's', type: 't', payload: bytes, contentType: 'image/png', manifest: 'm/2', tags: ['x', 'y'],
        headers: { traceparent: '00-1' },
      })
      const event = only(await context.journal.read('s'))
      assert.deepEqual({ ...event, payload: Buffer.from(event.payload) }, {
        ...place, scope: context.scope, type: 't', payload: Buffer.from(bytes), contentType: 'image/png',
        manifest: 'm/2', tags: ['x', 'y'], headers: { traceparent: '00-1' }, writerId: 'writer-1',
        createdAt: context.clock.now(),
      })
      assert.deepEqual(only((await context.journal.readAll()).events), event)
      assert.deepEqual(only((await context.journal.readByTag('y')).events), event)
      assert.deepEqual(await context.journal.get(event.id), event)
      const plain = await context.append({ stream: 'plain' })
      const { manifest, writerId, tags, headers } = only(await context.journal.read('plain'))
      assert.deepEqual({ manifest, writerId, tags, headers, n: plain.length },
        { manifest: undefined, writerId: undefined, tags: [], headers: {}, n: 1 })
    },
  },
]
