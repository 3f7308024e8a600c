/** `progress-hold-*`: the streams that wait. */
import assert from 'node:assert/strict'
import { slotMask } from '../../journal/slots.js'
import { ALL_SLOTS } from '../../journal/progress.js'
import { MAX_TIME } from '../../core/validate.js'
import { scopeId } from '../../core/scope.js'
import type { ProgressCase } from './case.js'
import { heldOf, NAME, nameOf, only } from './context.js'

export const holdCases: readonly ProgressCase[] = [
  {
    id: 'progress-hold-1', title: 'a held stream comes back as it was written, and becomes due in time',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('s1')] })
      assert.deepEqual(await context.holds(), [heldOf('s1')])
      context.clock.advance(999)
      assert.equal(only(await context.holds()).retryInMs, 1)
      context.clock.advance(1)
      assert.equal(only(await context.holds()).retryInMs, 0)
      context.clock.advance(1_000_000)
      assert.deepEqual(await context.holds(), [{ ...heldOf('s1'), retryInMs: 0 }])
    },
  },
  {
    id: 'progress-hold-2', title: 'written again it is replaced, freed it is gone, and the others stay',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('s1'), heldOf('s2', { retryInMs: 5_000 })] })
      const again = heldOf('s1', { from: 4n, to: 90n, attempts: 7, retryInMs: 0, error: '' })
      await context.save(part, { held: [again] })
      assert.deepEqual(await context.holds(), [again, heldOf('s2', { retryInMs: 5_000 })])
      await context.save(part, { freed: [nameOf('s1'), nameOf('unknown')] })
      assert.deepEqual(await context.holds(), [heldOf('s2', { retryInMs: 5_000 })])
    },
  },
  {
    id: 'progress-hold-3', title: 'only of the slots that are asked for, also the last one',
    async run(context) {
      const part = await context.takeAll('a')
      const held = Array.from({ length: 64 }, (_, slot) => heldOf(`s${slot}`, { slot, retryInMs: slot }))
      await context.save(part, { held })
      for (const slot of [0, 1, 31, 32, 62, 63]) {
        assert.deepEqual(await context.holds(slotMask(slot)), [held[slot]])
      }
      const some = slotMask(63) | slotMask(5) | slotMask(40)
      assert.deepEqual((await context.holds(some)).map(({ slot }) => slot), [5, 40, 63])
      assert.deepEqual(await context.holds(0n), [])
      assert.deepEqual(await context.holds(ALL_SLOTS), held)
    },
  },
  {
    id: 'progress-hold-4', title: 'five hundred held streams: in the order in which they are due, as many as asked for',
    async run(context) {
      const part = await context.takeAll('a')
      const held = Array.from({ length: 500 }, (_, n) => heldOf(`s${n}`, { retryInMs: (n * 211) % 500 }))
      await context.save(part, { held })
      const inOrder = held.toSorted((a, b) => a.retryInMs - b.retryInMs)
      assert.deepEqual(await context.holds(), inOrder)
      assert.deepEqual(await context.holds(ALL_SLOTS, 7), inOrder.slice(0, 7))
      context.clock.advance(250)
      const due = (await context.holds(ALL_SLOTS, 251)).map(({ retryInMs }) => retryInMs)
      assert.deepEqual(due, Array(251).fill(0))
      await context.save(part, { freed: held })
      assert.deepEqual(await context.holds(), [])
    },
  },
  {
    id: 'progress-hold-5', title: 'streams of one name in two scopes are two, and each publisher has its own',
    async run(context) {
      const part = await context.takeAll('a')
      const foreign = heldOf('s1', { scope: scopeId('tenant-7'), attempts: 3, retryInMs: 2_000 })
      await context.save(part, { held: [heldOf('s1'), foreign] })
      assert.deepEqual(await context.holds(), [heldOf('s1'), foreign])
      await context.take('b', { publisher: 'other' })
      assert.deepEqual(await context.store.holds({ publisher: 'other', slots: ALL_SLOTS, limit: 9 }), [])
      await context.save(part, { freed: [nameOf('s1')] })
      assert.deepEqual(await context.holds(), [foreign])
    },
  },
  {
    id: 'progress-hold-6', title: 'held streams stay when their part goes to another, whose saves free them',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('s1', { retryInMs: MAX_TIME })] })
      await context.store.give({ publisher: NAME, part: part.part, term: part.term, slots: ALL_SLOTS })
      const { parts: [taken] } = await context.take('b')
      assert.ok(taken !== undefined)
      const { retryInMs, ...hold } = only(await context.holds(taken.slots))
      assert.equal(retryInMs, MAX_TIME - context.clock.now())
      assert.deepEqual({ ...hold, retryInMs: 1 }, heldOf('s1', { retryInMs: 1 }))
    },
  },
]
