/** `progress-list-*` and `progress-close-*`. */
import assert from 'node:assert/strict'
import { ALL_SLOTS } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import { deadOf, heldOf, LEASE_MS, NAME, rejectsWith, takeOf } from './context.js'

/** In the order of their UTF-8 bytes, which is neither that of UTF-16 nor any language's. */
const NAMES = ['A', 'B', 'a', 'a b', 'aa', 'b', 'é', 'ﬀ', '🧾']

export const listCases: readonly ProgressCase[] = [
  {
    id: 'progress-list-1', title: 'publishers in the order of their bytes, in pages of any size',
    async run(context) {
      for (const publisher of NAMES.toReversed()) await context.take('a', { publisher })
      for (const limit of [1, 4, NAMES.length, 100]) {
        const names: string[] = []
        for (let after = ''; ;) {
          const page = await context.store.list({ after, limit })
          if (page.length === 0) break
          assert.ok(page.length <= limit)
          names.push(...page.map(({ publisher }) => publisher))
          after = page.at(-1)?.publisher ?? after
        }
        assert.deepEqual(names, NAMES)
      }
    },
  },
  {
    id: 'progress-list-2', title: 'each with its state, and how many streams it holds and events it gave up',
    async run(context) {
      const [a] = await context.share('a', 'b')
      await context.take('c', { publisher: 'other' })
      await context.save(a, { held: [heldOf('s1'), heldOf('s2')], dead: [deadOf('e-1'), deadOf('e-2'), deadOf('e-3')] })
      context.clock.advance(LEASE_MS - 1)
      await context.take('b')
      context.clock.advance(1)
      const [mails, other, ...more] = await context.store.list({ after: '', limit: 10 })
      assert.deepEqual(more, [])
      assert.deepEqual(mails, { ...await context.look(), heldStreams: 2, deadLetters: 3 })
      assert.deepEqual([mails?.members, mails?.parts.length], [1, 2])
      assert.deepEqual(other, { ...await context.look('other'), heldStreams: 0, deadLetters: 0 })
    },
  },
  {
    id: 'progress-list-3', title: 'a publisher that was forgotten is not in it',
    async run(context) {
      for (const publisher of ['a', 'b', 'c']) await context.take('x', { publisher })
      await context.store.forget('b')
      const names = (await context.store.list({ after: '', limit: 2 })).map(({ publisher }) => publisher)
      assert.deepEqual(names, ['a', 'c'])
    },
  },
  {
    id: 'progress-close-1', title: 'after close every call throws CLOSED',
    async run({ store }) {
      const { parts: [part] } = await store.take(takeOf('a'))
      assert.ok(part !== undefined)
      await store.close()
      const slots = ALL_SLOTS
      const calls: readonly (() => Promise<unknown>)[] = [
        () => store.look(NAME), () => store.take(takeOf('a')),
        () => store.save({ publisher: NAME, parts: [{ ...part, held: [], freed: [], dead: [] }] }),
        () => store.give({ publisher: NAME, part: 1, term: part.term, slots }),
        () => store.join({ publisher: NAME, owner: 'a', part: 1, term: 1n, other: 2, otherTerm: 2n }),
        () => store.leave({ publisher: NAME, owner: 'a' }), () => store.holds({ publisher: NAME, slots, limit: 1 }),
        () => store.list({ after: '', limit: 1 }), () => store.rebase({ publisher: NAME, follow: 'all', cursor: 'c' }),
        () => store.rewind({ publisher: NAME, ...heldOf('s') }), () => store.forget(NAME),
        () => store.deadLetters({ publisher: NAME, scope: undefined, after: 0n, limit: 1 }),
      ]
      for (const call of calls) await rejectsWith('CLOSED', call)
      await store.close()
    },
  },
]
