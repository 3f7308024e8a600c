/** `streams-*`: listing streams, which no store may leave out. */
import assert from 'node:assert/strict'
import type { StreamSummary } from '../../journal/event.js'
import type { JournalCase } from './case.js'
import { sequencesOf, type JournalContext } from './context.js'

const HOSTILE = [
  'a', 'A', 'a ', ' a', 'a:b', 'a/b', '%', '_', '\\', `'; drop table x; --`, '"', '$1', '?1', '{a,b}', 'null', 'NULL',
  'outbox::x::offsets', 'ä', 'a\u0308', '日本', '🚚', '\u{10ffff}', '\uffee', 'a\tb\nc', '\u0001', '~', 'z'.repeat(1_024),
]

export const streamCases: readonly JournalCase[] = [
  {
    id: 'streams-1', title: 'pages by name in the order of their bytes, each stream once',
    async run(context) {
      await context.append(...HOSTILE.map((stream) => ({ stream })))
      const expected = HOSTILE.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      for (const limit of [1, 4, 1_000]) assert.deepEqual(await names(context, { limit }), expected)
    },
  },
  {
    id: 'streams-2', title: 'names are compared as they are: each has events of its own',
    async run(context) {
      await context.append(...HOSTILE.map((stream) => ({ stream, payload: stream })))
      await context.append(...HOSTILE.map((stream) => ({ stream })))
      for (const stream of HOSTILE) {
        const events = await context.journal.read(stream)
        assert.deepEqual(sequencesOf(events), [1, 2], stream)
        assert.equal(context.journal.decode(events[0] as never), stream)
      }
    },
  },
  {
    id: 'streams-3', title: 'a prefix is compared as it is',
    async run(context) {
      const streams = ['a_1', 'a_2', 'aX1', 'a%', 'b', 'a\\', 'A_1', '🚚1', '🚚', '\u{10ffff}', '\u{10ffff}1']
      await context.append(...streams.map((stream) => ({ stream })))
      for (const prefix of ['a', 'a_', 'a%', 'a\\', '🚚', '\u{10ffff}', 'x', 'a_1', 'a_11']) {
        const expected = streams.filter((stream) => stream.startsWith(prefix))
        assert.deepEqual((await names(context, { prefix, limit: 2 })).toSorted(), expected.toSorted(), prefix)
      }
    },
  },
  {
    id: 'streams-4', title: 'a stream whose append did not commit is not listed',
    async run(context) {
      const dropped = await context.begin()
      await context.appendIn(dropped, { stream: 'a' })
      await dropped.rollback()
      await assert.rejects(context.appendWith({ expectedSequence: { b: 1, c: 0 } }, { stream: 'b' }, { stream: 'c' }))
      const kept = await context.begin()
      const drafts = ['d', 'e'].map((stream) => ({ stream, type: 't', payload: 1 }))
      await assert.rejects(context.journal.append(kept.tx, drafts, { expectedSequence: { d: 0, e: 3 } }))
      await kept.commit()
      assert.deepEqual(await context.journal.streams(), [])
    },
  },
  {
    id: 'streams-5', title: 'a limit of zero gives nothing',
    async run(context) {
      await context.append({})
      assert.deepEqual(await context.journal.streams({ limit: 0 }), [])
    },
  },
]

async function names(context: JournalContext, options: { prefix?: string; limit: number }): Promise<string[]> {
  const found: StreamSummary[] = []
  for (;;) {
    const page = await context.journal.streams({ ...options, ...(found.length > 0 && { after: found.at(-1) }) })
    if (page.length === 0) return found.map(({ stream }) => stream)
    found.push(...page)
  }
}
