/** `progress-take-*` and `progress-idle-*`: who gets which slots, and that looking gets none. */
import assert from 'node:assert/strict'
import { ALL_SLOTS } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import {
  assertWhole, HOSTILE_TEXTS, LEASE_MS, LOW_SLOTS, NAME, partOf, rejectsWith, sharesOf, takeOf,
} from './context.js'

export const takeCases: readonly ProgressCase[] = [
  {
    id: 'progress-take-1', title: 'a new publisher is one part at the start, and its maker has it',
    async run(context) {
      const state = await context.take('a', { start: 'c-1' })
      const part = { part: 1, slots: ALL_SLOTS, cursor: 'c-1', owner: 'a', term: 1n, leaseMs: LEASE_MS }
      assert.deepEqual(state, { publisher: NAME, follow: 'all', members: 1, parts: [part] })
      assert.deepEqual(await context.look(), state)
      assert.equal((await context.takeAll('a', { publisher: 'from the beginning' })).cursor, undefined)
      assert.deepEqual((await context.look()).parts, [part])
    },
  },
  {
    id: 'progress-take-2', title: 'a taker renews what it has under the same terms, from the cursor as it is',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      await context.save(part, { cursor: 'c-2' })
      context.clock.advance(LEASE_MS - 1)
      const again = await context.takeAll('a', { start: 'c-9', leaseMs: 70 })
      assert.deepEqual(again, { ...part, cursor: 'c-2', leaseMs: 70 })
      context.clock.advance(69)
      assert.deepEqual([(await context.look()).members, (await context.look()).parts[0]?.leaseMs], [1, 1])
      context.clock.advance(1)
      assert.deepEqual([(await context.look()).members, (await context.look()).parts[0]?.leaseMs], [0, 0])
    },
  },
  {
    id: 'progress-take-3', title: 'what was given back is taken under a new term',
    async run(context) {
      const part = await context.takeAll('a')
      await context.take('b')
      await context.store.give({ publisher: NAME, part: part.part, term: part.term, slots: LOW_SLOTS })
      const free = partOf((await context.look()).parts, undefined)
      const state = await context.take('b')
      const taken = partOf(state.parts, 'b')
      assert.equal(taken.slots, LOW_SLOTS)
      assert.ok(taken.term > free.term && taken.term > part.term, `${taken.term} is not above ${free.term}`)
      assert.deepEqual(partOf(state.parts, 'a'), { ...part, slots: ALL_SLOTS ^ LOW_SLOTS })
      assert.equal(state.members, 2)
    },
  },
  {
    id: 'progress-take-4', title: 'a part that is more than the fair share is divided; both have its cursor',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      for (const owner of ['b', 'c']) await context.take(owner)
      await context.store.give({ publisher: NAME, part: part.part, term: part.term, slots: ALL_SLOTS })
      const state = await context.take('b')
      assertWhole(state)
      assert.deepEqual(sharesOf(state), { b: 22, '': 42 })
      assert.deepEqual(state.parts.map(({ cursor }) => cursor), ['c-1', 'c-1'])
      assert.deepEqual(partOf(state.parts, undefined).leaseMs, 0)
      assert.deepEqual(sharesOf(await context.take('c')), { b: 22, c: 22, '': 20 })
      assert.deepEqual(sharesOf(await context.take('a')), { a: 20, b: 22, c: 22 })
    },
  },
  {
    id: 'progress-take-5', title: 'another who follows something else is refused, and has changed nothing',
    async run(context) {
      await context.take('a')
      const before = await context.look()
      const refused = (): Promise<unknown> => context.take('b', { follow: 'tag:x' })
      const { details, retryable } = await rejectsWith('PUBLISHER_MISMATCH', refused)
      assert.deepEqual([details, retryable], [{ publisher: NAME, follow: 'tag:x', stored: 'all' }, false])
      await rejectsWith('PUBLISHER_MISMATCH', () => context.take('a', { follow: 'ALL' }))
      assert.deepEqual(await context.look(), before)
    },
  },
  {
    id: 'progress-take-6', title: 'sixty-four owners have one slot each, and the sixty-fifth has none',
    async run(context) {
      const owners = Array.from({ length: 64 }, (_, n) => `owner ${n}`)
      const part = await context.takeAll(owners[0])
      for (const owner of owners) await context.take(owner)
      await context.store.give({ publisher: NAME, part: part.part, term: part.term, slots: ALL_SLOTS })
      for (const owner of owners.toReversed()) await context.take(owner)
      const state = await context.look()
      assertWhole(state)
      assert.deepEqual(sharesOf(state), Object.fromEntries(owners.map((owner) => [owner, 1])))
      const late = await context.take('one more')
      assert.equal(late.members, 65)
      assert.deepEqual(late.parts, state.parts)
    },
  },
  {
    id: 'progress-take-7', title: 'a taker that has its share takes no more, and what it has more is not taken from it',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      await context.store.give({ publisher: NAME, part: b.part, term: b.term, slots: b.slots & ~(b.slots - 1n) })
      assert.deepEqual(sharesOf(await context.take('a')), { a: 32, b: 31, '': 1 })
      for (const owner of ['c', 'd']) await context.take(owner)
      assert.deepEqual(sharesOf(await context.take('a')), { a: 32, b: 31, c: 1 })
      assert.deepEqual(partOf((await context.look()).parts, 'a'), a)
    },
  },
  {
    id: 'progress-take-8', title: 'any text is a publisher, an owner, a thing to follow and a cursor',
    async run(context) {
      for (const text of HOSTILE_TEXTS) {
        const part = await context.takeAll(text, { publisher: text, follow: text, start: text })
        const [saved] = await context.store.save({
          publisher: text, parts: [{ ...part, cursor: `${text}${text}`, held: [], freed: [], dead: [] }],
        })
        assert.equal(saved, true)
        const stored = await context.other.look(text)
        assert.deepEqual(stored?.parts, [{ ...part, cursor: `${text}${text}` }])
        assert.deepEqual([stored.publisher, stored.follow, stored.members], [text, text, 1])
      }
      const large = 'A'.repeat(100_000)
      assert.equal((await context.takeAll('a', { publisher: 'large', start: large })).cursor, large)
      assert.equal((await context.look('large')).parts[0]?.cursor, large)
    },
  },
  {
    id: 'progress-idle-1', title: 'looking makes nothing and renews nothing',
    async run(context) {
      assert.equal(await context.store.look('nobody'), undefined)
      assert.deepEqual(await context.store.list({ after: '', limit: 10 }), [])
      const { parts } = await context.store.take(takeOf('a'))
      context.clock.advance(10)
      const first = await context.look()
      assert.deepEqual(first.parts, parts.map((part) => ({ ...part, leaseMs: LEASE_MS - 10 })))
      assert.deepEqual(await context.other.look(NAME), first)
      assert.deepEqual(await context.store.look(`${NAME} `), undefined)
    },
  },
]
