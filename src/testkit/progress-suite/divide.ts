/** `progress-give-*`, `progress-join-*` and `progress-leave-*`: parts divided, made one and let go. */
import assert from 'node:assert/strict'
import { ALL_SLOTS, type PublisherPart } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import {
  assertWhole, heldOf, HIGH_SLOTS, LEASE_MS, LOW_SLOTS, NAME, partOf, sharesOf, type ProgressContext,
} from './context.js'

const ODD_SLOTS = 0xaaaa_aaaa_aaaa_aaaan

function joinOf(owner: string, part: PublisherPart, other: PublisherPart) {
  return { publisher: NAME, owner, part: part.part, term: part.term, other: other.part, otherTerm: other.term }
}

/** Two parts of one owner. */
async function twoOf(context: ProgressContext): Promise<readonly [PublisherPart, PublisherPart]> {
  const { part, term } = await context.takeAll('a', { start: 'c-1' })
  await context.store.give({ publisher: NAME, part, term, slots: ODD_SLOTS })
  const { parts: [first, second] } = await context.take('a')
  assert.ok(first !== undefined && second !== undefined)
  return [first, second]
}

export const divideCases: readonly ProgressCase[] = [
  {
    id: 'progress-give-1', title: 'some slots become a free part with the same cursor; the rest keeps its term',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { cursor: 'c-5' })
      assert.equal(await context.store.give({ publisher: NAME, part: 1, term: part.term, slots: ODD_SLOTS }), true)
      const state = await context.look()
      assertWhole(state)
      const free = partOf(state.parts, undefined)
      assert.deepEqual([free.slots, free.cursor, free.leaseMs], [ODD_SLOTS, 'c-5', 0])
      assert.deepEqual(partOf(state.parts, 'a'), { ...part, slots: ALL_SLOTS ^ ODD_SLOTS, cursor: 'c-5' })
      assert.equal(await context.save(part, { cursor: 'c-6' }), true)
      assert.equal(partOf((await context.look()).parts, undefined).cursor, 'c-5')
    },
  },
  {
    id: 'progress-give-2', title: 'all slots: the part is free, and what its owner saves then is late',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      assert.equal(await context.store.give({ publisher: NAME, part: 1, term: part.term, slots: ALL_SLOTS }), true)
      const { parts: [free, more], members } = await context.look()
      assert.ok(free !== undefined && more === undefined)
      assert.deepEqual([free.slots, free.owner, free.leaseMs, free.cursor], [ALL_SLOTS, undefined, 0, 'c-1'])
      assert.equal(members, 1)
      assert.ok(free.term > part.term)
      assert.equal(await context.save(part, { cursor: 'c-9' }), false)
      assert.equal((await context.look()).parts[0]?.cursor, 'c-1')
    },
  },
  {
    id: 'progress-give-3', title: 'under a stale term, or slots that the part has not, nothing is given',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      const before = await context.look()
      const give = (part: PublisherPart, slots: bigint): Promise<boolean> =>
        context.store.give({ publisher: NAME, part: part.part, term: part.term, slots })
      assert.equal(await give({ ...a, term: b.term }, a.slots), false)
      assert.equal(await give({ ...a, part: 9 }, a.slots), false)
      assert.equal(await give(a, HIGH_SLOTS | 1n), false)
      assert.equal(await give(a, 0n), false)
      assert.equal(await context.store.give({ publisher: 'unknown', part: 1, term: 1n, slots: ALL_SLOTS }), false)
      assert.deepEqual(await context.look(), before)
    },
  },
  {
    id: 'progress-give-4', title: 'no term is given twice, whatever parts end and come',
    async run(context) {
      const terms = new Set<string>()
      for (let round = 0; round < 6; round += 1) {
        const { parts: [own] } = await context.take('a')
        assert.ok(own !== undefined)
        const lowest = own.slots & -own.slots
        await context.store.give({ publisher: NAME, part: own.part, term: own.term, slots: lowest })
        await context.store.leave({ publisher: NAME, owner: 'a' })
        for (const { part, term, owner } of (await context.take(`b${round}`)).parts) {
          assert.equal(owner, `b${round}`)
          assert.ok(!terms.has(`${term}`), `part ${part} has term ${term} again`)
          terms.add(`${term}`)
        }
        await context.store.leave({ publisher: NAME, owner: `b${round}` })
      }
    },
  },
  {
    id: 'progress-join-1', title: 'two of one owner with one cursor become one, under the higher of the terms',
    async run(context) {
      const [first, second] = await twoOf(context)
      assert.equal(await context.store.join(joinOf('a', first, second)), true)
      const joined = { ...first, slots: ALL_SLOTS, term: second.term }
      assert.deepEqual((await context.look()).parts, [joined])
      assert.equal(await context.save(second, { cursor: 'c-9' }), false)
      assert.equal(await context.save(joined, { cursor: 'c-2' }), true)
      assert.deepEqual((await context.look()).parts, [{ ...joined, cursor: 'c-2' }])
    },
  },
  {
    id: 'progress-join-2', title: 'parts with different cursors stay two',
    async run(context) {
      const [first, second] = await twoOf(context)
      for (const [cursor, answer] of [['c-2', false], [undefined, false], ['c-1', true]] as const) {
        await context.save(second, { cursor })
        const before = await context.look()
        assert.equal(await context.store.join(joinOf('a', first, second)), answer)
        assert.equal((await context.look()).parts.length, answer ? 1 : 2)
        if (!answer) assert.deepEqual(await context.look(), before)
      }
    },
  },
  {
    id: 'progress-join-3', title: 'foreign, free, stale or missing parts are not joined, nor a part with itself',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      const before = await context.look()
      assert.equal(await context.store.join(joinOf('a', a, b)), false)
      assert.equal(await context.store.join(joinOf('b', a, b)), false)
      assert.equal(await context.store.join(joinOf('a', a, a)), false)
      assert.equal(await context.store.join(joinOf('a', a, { ...a, part: 9 })), false)
      assert.equal(await context.store.join({ ...joinOf('a', a, b), publisher: 'unknown' }), false)
      assert.deepEqual(await context.look(), before)
      context.clock.advance(LEASE_MS)
      await context.take('a')
      assert.equal(await context.store.join(joinOf('a', a, b)), false)
      await context.store.give({ publisher: NAME, part: a.part, term: a.term, slots: 1n })
      const free = partOf((await context.look()).parts, undefined)
      assert.equal(await context.store.join(joinOf('a', a, free)), false)
      assertWhole(await context.look())
    },
  },
  {
    id: 'progress-join-4', title: 'two parts of which nothing is published yet become one',
    async run(context) {
      const { part, term } = await context.takeAll('a')
      await context.store.give({ publisher: NAME, part, term, slots: LOW_SLOTS })
      const { parts: [first, second] } = await context.take('a')
      assert.ok(first !== undefined && second !== undefined)
      assert.equal(await context.store.join(joinOf('a', second, first)), true)
      const { parts } = await context.look()
      assert.deepEqual(parts, [{ ...second, slots: ALL_SLOTS }])
    },
  },
  {
    id: 'progress-leave-1', title: 'who leaves has nothing and is no member; what it saves then is late',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      await context.save(a, { cursor: 'c-1', held: [heldOf('s')] })
      await context.store.leave({ publisher: NAME, owner: 'a' })
      const state = await context.look()
      assertWhole(state)
      assert.deepEqual([state.members, sharesOf(state)], [1, { '': 32, b: 32 }])
      const free = partOf(state.parts, undefined)
      assert.deepEqual([free.slots, free.cursor, free.leaseMs], [a.slots, 'c-1', 0])
      assert.ok(free.term > a.term)
      assert.deepEqual(partOf(state.parts, 'b'), b)
      assert.equal(await context.save(a, { cursor: 'c-2' }), false)
      assert.equal((await context.holds()).length, 1)
      assert.deepEqual(sharesOf(await context.take('b')), { b: 64 })
    },
  },
  {
    id: 'progress-leave-2', title: 'a stranger that leaves, or from nowhere, changes nothing',
    async run(context) {
      await context.takeAll('a')
      const before = await context.look()
      await context.store.leave({ publisher: NAME, owner: 'b' })
      await context.store.leave({ publisher: 'unknown', owner: 'a' })
      assert.deepEqual(await context.look(), before)
      assert.equal(await context.store.look('unknown'), undefined)
    },
  },
]
