/** `progress-rebase-*`, `progress-rewind-*` and `progress-forget-*`: what an operator does, whoever works on it. */
import assert from 'node:assert/strict'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { ALL_SLOTS } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import {
  deadOf, heldOf, HIGH_SLOTS, NAME, nameOf, partOf, rejectsWith, sharesOf, type ProgressContext,
} from './context.js'

function rewind(context: ProgressContext, stream: string, slot: number, from: bigint, to: bigint): Promise<boolean> {
  return context.store.rewind({ publisher: NAME, ...nameOf(stream), slot, from, to })
}

export const rebaseCases: readonly ProgressCase[] = [
  {
    id: 'progress-rebase-1', title: 'one free part at the cursor, under a term above all before; nothing is held',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      await context.save(a, { cursor: 'c-1', held: [heldOf('s1')], dead: [deadOf('e-1')] })
      await context.store.rebase({ publisher: NAME, follow: 'all', cursor: 'c-9' })
      const { parts: [part, more], members } = await context.look()
      assert.ok(part !== undefined && more === undefined)
      const { slots, cursor, owner, leaseMs } = part
      assert.deepEqual([slots, cursor, owner, leaseMs, members], [ALL_SLOTS, 'c-9', undefined, 0, 2])
      assert.ok(part.term > a.term && part.term > b.term)
      assert.deepEqual(await context.holds(), [])
      assert.equal((await context.dead()).length, 1)
    },
  },
  {
    id: 'progress-rebase-2', title: 'who worked on it saves, gives and joins no more, and takes its share anew',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      await context.store.rebase({ publisher: NAME, follow: 'all', cursor: undefined })
      for (const part of [a, b]) {
        assert.equal(await context.save(part, { cursor: 'c-2', held: [heldOf('s1')] }), false)
        const { slots, term } = part
        assert.equal(await context.store.give({ publisher: NAME, part: part.part, term, slots }), false)
      }
      assert.deepEqual(sharesOf(await context.take('a')), { a: 32, '': 32 })
      const state = await context.take('b')
      assert.deepEqual(sharesOf(state), { a: 32, b: 32 })
      assert.deepEqual(state.parts.map(({ cursor }) => cursor), [undefined, undefined])
      assert.deepEqual(await context.holds(), [])
    },
  },
  {
    id: 'progress-rebase-3', title: 'where there is none it makes the publisher, and the next taker gets that cursor',
    async run(context) {
      await context.store.rebase({ publisher: NAME, follow: 'all', cursor: 'c-3' })
      const { parts: [free], members } = await context.look()
      assert.deepEqual([free?.slots, free?.cursor, free?.owner, members], [ALL_SLOTS, 'c-3', undefined, 0])
      const part = await context.takeAll('a', { start: 'c-1' })
      assert.equal(part.cursor, 'c-3')
      assert.ok(free !== undefined && part.term > free.term)
    },
  },
  {
    id: 'progress-rebase-4', title: 'it may follow something else from now on; those who follow the former are refused',
    async run(context) {
      await context.take('a')
      await context.store.rebase({ publisher: NAME, follow: 'tag:x', cursor: 'c-1' })
      assert.deepEqual([(await context.look()).follow, (await context.look()).members], ['tag:x', 0])
      await rejectsWith('PUBLISHER_MISMATCH', () => context.take('a'))
      assert.deepEqual(sharesOf(await context.take('b', { follow: 'tag:x' })), { b: 64 })
    },
  },
  {
    id: 'progress-rewind-1', title: 'the stream is held, due now, and the owner of its part learns it from the term',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      assert.equal(await rewind(context, 's1', 40, 1n, MAX_ASSIGNED), true)
      assert.deepEqual(await context.holds(HIGH_SLOTS), [
        heldOf('s1', { slot: 40, from: 1n, to: MAX_ASSIGNED, attempts: 0, retryInMs: 0, error: '' }),
      ])
      const { parts } = await context.look()
      assert.deepEqual(partOf(parts, 'a'), a)
      const after = partOf(parts, 'b')
      assert.ok(after.term > b.term)
      assert.deepEqual({ ...after, term: b.term }, b)
      assert.equal(await context.save(b, { cursor: 'c-1', freed: [nameOf('s1')] }), false)
      assert.equal((await context.holds()).length, 1)
      const again = await context.take('b')
      assert.equal(await context.save(partOf(again.parts, 'b'), { cursor: 'c-1', freed: [nameOf('s1')] }), true)
      assert.deepEqual(await context.holds(), [])
    },
  },
  {
    id: 'progress-rewind-2', title: 'what is held already is held from there, without its attempts and its error',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('s1', { slot: 63, attempts: 7 }), heldOf('s2', { slot: 63 })] })
      assert.equal(await rewind(context, 's1', 63, 2n, 5n), true)
      assert.deepEqual(await context.holds(), [
        heldOf('s1', { slot: 63, from: 2n, attempts: 0, retryInMs: 0, error: '' }), heldOf('s2', { slot: 63 }),
      ])
      assert.equal(await rewind(context, 's1', 63, 5n, 5n), true)
      assert.equal((await context.holds())[0]?.from, 5n)
    },
  },
  {
    id: 'progress-rewind-3', title: 'from behind the end it is let go',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('s1', { slot: 0 }), heldOf('s2')] })
      assert.equal(await rewind(context, 's1', 0, 6n, 5n), true)
      assert.deepEqual(await context.holds(), [heldOf('s2')])
      const { parts: [after] } = await context.look()
      assert.ok(after !== undefined && after.term > part.term)
      assert.equal(await rewind(context, 'never held', 1, 6n, 5n), true)
      assert.deepEqual(await context.holds(), [heldOf('s2')])
    },
  },
  {
    id: 'progress-rewind-4', title: 'an unknown publisher has nothing to rewind',
    async run(context) {
      assert.equal(await rewind(context, 's1', 0, 1n, 5n), false)
      assert.deepEqual(await context.holds(), [])
      assert.deepEqual(await context.store.list({ after: '', limit: 1 }), [])
    },
  },
  {
    id: 'progress-forget-1', title: 'all of it is gone, and of no other publisher',
    async run(context) {
      const part = await context.takeAll('a')
      const other = await context.takeAll('a', { publisher: 'other' })
      const progress = { held: [heldOf('s1')], freed: [], dead: [deadOf('e-1')] }
      await context.save(part, progress)
      await context.store.save({ publisher: 'other', parts: [{ ...other, ...progress }] })
      assert.deepEqual([await context.store.forget(NAME), await context.store.forget(NAME)], [true, false])
      assert.equal(await context.store.forget('unknown'), false)
      assert.equal(await context.store.look(NAME), undefined)
      assert.deepEqual([await context.holds(), await context.dead()], [[], []])
      assert.equal(await context.save(part), false)
      assert.equal(await rewind(context, 's1', 0, 1n, 5n), false)
      const [only, more] = await context.store.list({ after: '', limit: 9 })
      assert.deepEqual([only?.publisher, only?.heldStreams, only?.deadLetters, more], ['other', 1, 1, undefined])
    },
  },
  {
    id: 'progress-forget-2', title: 'one made of the same name begins anew, and what was under way does not touch it',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      await context.save(part, { held: [heldOf('s1')], dead: [deadOf('e-1')] })
      await context.store.forget(NAME)
      const anew = await context.takeAll('a', { start: 'c-0', follow: 'tag:x' })
      assert.deepEqual([anew.cursor, anew.slots], ['c-0', ALL_SLOTS])
      assert.ok(anew.term > part.term)
      assert.equal(await context.save(part, { cursor: 'c-7' }), false)
      assert.deepEqual((await context.look()).parts, [anew])
      assert.deepEqual([await context.holds(), await context.dead()], [[], []])
    },
  },
]
