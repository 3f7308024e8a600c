/** `follow-*`, `slots-*`: what a publisher reads by, in the form that stores implement. */
import assert from 'node:assert/strict'
import type { JournalFilter, PartRead, StorePage } from '../../journal/contract.js'
import type { EventPlace, JournalEvent } from '../../journal/event.js'
import { ALL_SLOTS, SLOTS, type SlotMask } from '../../journal/progress.js'
import { hasSlot, slotOf } from '../../journal/slots.js'
import type { JournalCase } from './case.js'
import { idsOf, only, sequencesOf, STREAM, type JournalContext } from './context.js'

const ALL: JournalFilter = { tags: undefined, streams: undefined, scope: undefined }

/** As many streams as fall into most of the slots. */
const STREAMS = Array.from({ length: 200 }, (_, n) => `stream-${n}`)

export const followCases: readonly JournalCase[] = [
  {
    id: 'follow-1', title: 'events of several tags come once each, in order, whatever the page size',
    async run(context) {
      const tags = [['a'], ['b'], ['a', 'b'], [], ['c'], ['b', 'a', 'c'], ['a']]
      const places = await context.append(...Array.from({ length: 35 }, (_, n) => ({ tags: tags[n % 7] ?? [] })))
      const wanted = idsOf(places.filter((_, n) => [0, 1, 2, 5, 6].includes(n % 7)))
      for (const limit of [1, 2, 3, 7, 100]) {
        assert.deepEqual(idsOf(await follow(context, { ...ALL, tags: ['a', 'b', 'a'] }, limit)), wanted)
      }
    },
  },
  {
    id: 'follow-2', title: 'streams by name, one, several and hostile ones',
    async run(context) {
      const names = ['a', 'A', `'`, '"', '{a,b}', 'null', '\\', '🚚', 'x'.repeat(1_024)]
      const places = await context.append(...[...names, ...names].map((stream) => ({ stream })))
      for (const streams of [names, ['a'], ['🚚', '"', 'none'], ['none']]) {
        const wanted = places.filter(({ stream }) => streams.includes(stream))
        assert.deepEqual(idsOf(await follow(context, { ...ALL, streams }, 4)), idsOf(wanted))
      }
    },
  },
  {
    id: 'follow-3', title: 'from the cursor after so many events, the rest of the page comes and what is behind it',
    async run(context) {
      const tail = async (cursor: string): Promise<string[]> => context.follower({ cursor }).poll()
      const places = await context.append(...STREAMS.slice(0, 9).map((stream) => ({ stream })))
      const page = await readOne(context, ALL, undefined, 5)
      const full = await readOne(context, ALL, undefined, 100)
      for (let count = 1; count <= 9; count += 1) {
        if (count <= 5) assert.deepEqual(await tail(page.cursorAfter(count)), idsOf(places.slice(count)))
        assert.deepEqual(await tail(full.cursorAfter(count)), idsOf(places.slice(count)))
      }
      assert.deepEqual([page.cursorAfter(5), full.cursorAfter(9)], [page.cursor, full.cursor])
    },
  },
  {
    id: 'follow-4', title: 'a stream can be read with the events that were deleted',
    async run(context) {
      await context.appendMany(4)
      await context.journal.deleteTo(STREAM, 3)
      const request = { scope: context.scope, stream: STREAM, from: 2n, to: 4n, limit: 10 }
      assert.deepEqual(sequencesOf(await context.store.read({ ...request, deleted: true })), [2, 3, 4])
      assert.deepEqual(sequencesOf(await context.store.read({ ...request, deleted: false })), [4])
    },
  },
  {
    id: 'follow-5', title: 'after part of a page with late events, the others still come once', concurrent: true,
    async run(context) {
      const [open, second] = [await context.begin(), await context.begin()]
      const late = await context.appendIn(open, { stream: 'a' }, { stream: 'b' }, { stream: 'c' })
      const later = await context.appendIn(second, { stream: 'd' }, { stream: 'e' })
      await context.append({ stream: 'f' })
      const { cursor } = await readOne(context, ALL, undefined, 100)
      await open.commit()
      const ahead = await context.append({ stream: 'g' }, { stream: 'h' })
      const page = await readOne(context, ALL, cursor, 100)
      assert.deepEqual(new Set(idsOf(page.events)), new Set(idsOf([...late, ...ahead].slice(0, page.events.length))))
      await second.commit()
      for (let count = 1; count <= page.events.length; count += 1) {
        const rest = await context.follower({ cursor: page.cursorAfter(count), wholeStreams: false }).poll()
        const missing = [...late, ...later, ...ahead].map(({ id }) => id)
          .filter((id) => !idsOf(page.events.slice(0, count)).includes(id))
        assert.deepEqual(rest.toSorted(), missing.toSorted(), `after ${count}`)
      }
    },
  },
  {
    id: 'follow-6', title: 'a page tells whether the cursor has passed anything, also what it does not give',
    async run(context) {
      const moves = async (cursor: string | undefined): Promise<[string, boolean]> => {
        const page = await readOne(context, { ...ALL, streams: ['a'] }, cursor, 10)
        return [page.cursor, page.hasMoved]
      }
      // Beside a scope there may be other events at once.
      const [atHead] = await moves(undefined)
      const [rest, atRest] = await moves(atHead)
      await context.append({ stream: 'b' })
      const [behind, passed] = await moves(rest)
      await context.append({ stream: 'a' })
      const [end, given] = await moves(behind)
      assert.deepEqual([atRest, passed, given, (await moves(end))[1]], [false, true, true, false])
    },
  },
  {
    id: 'slots-1', title: 'a part gets the events of the streams in its slots, each event in one part',
    async run(context) {
      const places = await context.append(...STREAMS.map((stream) => ({ stream })))
      const parts = [bits(0, 6), bits(6, 20), bits(20, 58), bits(58, 64)]
      const pages = await readAll(context, parts.map((slots) => ({ cursor: undefined, slots })), 1_000)
      pages.forEach(({ events }, n) => {
        for (const event of events) assert.ok(hasSlot(parts[n] ?? 0n, slotOf(event)), event.stream)
      })
      const found = pages.flatMap(({ events }) => idsOf(events))
      assert.deepEqual(found.toSorted(), idsOf(places).toSorted())
      assert.ok(pages.every(({ events }) => events.length > 0), 'the names do not spread over the slots')
    },
  },
  {
    id: 'slots-2', title: 'parts that have got all there was have one cursor, and go on together',
    async run(context) {
      await context.append(...STREAMS.map((stream) => ({ stream })))
      const halves = [bits(0, 32), bits(32, 64)] as const
      const [first] = await readAll(context, [{ cursor: undefined, slots: halves[0] }], 10)
      await context.append({ stream: 'stream-1' })
      let parts: PartRead[] = [{ cursor: first?.cursor, slots: halves[0] }, { cursor: undefined, slots: halves[1] }]
      for (let more = true; more;) {
        const pages = await readAll(context, parts, 30)
        parts = parts.map(({ slots }, n) => ({ slots, cursor: pages[n]?.cursor }))
        more = pages.some(({ hasMore }) => hasMore)
      }
      const [a, b] = await readAll(context, parts, 30)
      assert.deepEqual([a?.events.length, b?.events.length], [0, 0])
      assert.equal(a?.cursor, b?.cursor)
      const next = await context.append(...STREAMS.map((stream) => ({ stream })))
      const joined = await readOne(context, ALL, a?.cursor, 1_000, ALL_SLOTS)
      assert.deepEqual(idsOf(joined.events), idsOf(next))
    },
  },
  {
    id: 'slots-3', title: 'parts that were one go on with their slots, beside late commits', concurrent: true,
    async run(context) {
      const open = await context.begin()
      const late = await context.appendIn(open, ...STREAMS.slice(0, 50).map((stream) => ({ stream })))
      const early = await context.append(...STREAMS.slice(50, 100).map((stream) => ({ stream })))
      const { cursor, events } = await readOne(context, ALL, undefined, 20)
      await open.commit()
      const masks = [bits(0, 10), bits(10, 64)]
      const given = idsOf(events)
      let parts = masks.map((slots): PartRead => ({ cursor, slots }))
      for (let round = 0; round < 30; round += 1) {
        const pages = await readAll(context, parts, 7)
        given.push(...pages.flatMap((page) => idsOf(page.events)))
        parts = masks.map((slots, n) => ({ slots, cursor: pages[n]?.cursor }))
      }
      assert.deepEqual(given.toSorted(), idsOf([...late, ...early]).toSorted())
      assert.equal(parts[0]?.cursor, parts[1]?.cursor)
    },
  },
  {
    id: 'slots-4', title: 'all parts are read at one moment while others append',
    async run(context) {
      const masks = Array.from({ length: 8 }, (_, n) => bits(n * 8, n * 8 + 8))
      const seen: string[] = []
      let parts = masks.map((slots): PartRead => ({ cursor: undefined, slots }))
      const read = async (): Promise<void> => {
        const pages = await readAll(context, parts, 1_000)
        seen.push(...pages.flatMap(({ events }) => idsOf(events)))
        // Nothing is as long as a page, so all have got everything.
        assert.equal(new Set(pages.map(({ cursor }) => cursor)).size, 1)
        parts = masks.map((slots, n) => ({ slots, cursor: pages[n]?.cursor }))
      }
      const written: string[] = []
      for (let round = 0; round < 12; round += 1) {
        const append = context.append(...STREAMS.slice(round, round + 20).map((stream) => ({ stream })))
        await read()
        written.push(...idsOf(await append))
      }
      await read()
      assert.deepEqual(seen.toSorted(), written.toSorted())
    },
  },
  {
    id: 'slots-5', title: 'streams spread over the slots, and every process puts one into the same',
    async run() {
      const counts = new Map<number, number>()
      for (let n = 0; n < 6_400; n += 1) {
        const slot = slotOf({ scope: 'default' as JournalEvent['scope'], stream: `order-${n}` })
        counts.set(slot, (counts.get(slot) ?? 0) + 1)
      }
      assert.equal(counts.size, SLOTS)
      assert.ok(Math.max(...counts.values()) < 200, 'one slot has more than twice its share')
      const known = [['default', 'order-7'], ['default', 'é🚚'], ['tenant', '']] as const
      assert.deepEqual(known.map(([scope, stream]) => slotOf({ scope: scope as JournalEvent['scope'], stream })), KNOWN)
    },
  },
]

/** Computed by another program from the definition: FNV-1a over UTF-16 units, folded. */
const KNOWN = [2, 24, 4]

/** Slots from…to−1. */
function bits(from: number, to: number): SlotMask {
  return (ALL_SLOTS >> BigInt(SLOTS - (to - from))) << BigInt(from)
}

function readAll(context: JournalContext, parts: readonly PartRead[], limit: number): Promise<readonly StorePage[]> {
  return context.store.readPages({ ...ALL, parts, limit })
}

async function readOne(
  context: JournalContext, filter: JournalFilter, cursor: string | undefined, limit: number, slots?: SlotMask,
): Promise<StorePage> {
  return only(await context.store.readPages({ ...filter, parts: [{ cursor, slots }], limit }))
}

async function follow(
  context: JournalContext, filter: JournalFilter, limit: number,
): Promise<readonly Pick<EventPlace, 'id'>[]> {
  const events: JournalEvent[] = []
  let cursor: string | undefined
  for (;;) {
    const page = await readOne(context, filter, cursor, limit)
    events.push(...page.events)
    cursor = page.cursor
    if (!page.hasMore) return events
  }
}
