/** `progress-save-*`: what is written, and that a stale term writes nothing. */
import assert from 'node:assert/strict'
import { MAX_ASSIGNED } from '../../core/u64.js'
import type { ProgressCase } from './case.js'
import {
  deadOf, heldOf, HOSTILE_TEXTS, LEASE_MS, NAME, nameOf, only, partOf, progressOf,
} from './context.js'

export const saveCases: readonly ProgressCase[] = [
  {
    id: 'progress-save-1', title: 'the cursor of that part alone is written, and nothing else of it',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      context.clock.advance(5)
      assert.equal(await context.save(a, { cursor: 'c-1' }), true)
      assert.equal(await context.save(b, { cursor: 'c-2' }), true)
      assert.equal(await context.save(a, { cursor: 'c-0' }), true)
      const { parts, members } = await context.look()
      assert.equal(members, 2)
      assert.deepEqual(partOf(parts, 'a'), { ...a, cursor: 'c-0', leaseMs: LEASE_MS - 5 })
      assert.deepEqual(partOf(parts, 'b'), { ...b, cursor: 'c-2', leaseMs: LEASE_MS - 5 })
      assert.equal(await context.save(a, { cursor: undefined }), true)
      assert.equal(partOf((await context.look()).parts, 'a').cursor, undefined)
    },
  },
  {
    id: 'progress-save-2', title: 'under a stale term nothing is written: no cursor, hold, release or dead letter',
    async run(context) {
      const part = await context.takeAll('a', { start: 'c-1' })
      const kept = heldOf('kept')
      await context.save(part, { held: [kept] })
      context.clock.advance(LEASE_MS)
      await context.take('b')
      const before = [await context.look(), await context.holds()]
      const late = { cursor: 'c-2', held: [heldOf('new'), heldOf('kept', { attempts: 9 })], dead: [deadOf('e-1')] }
      assert.equal(await context.save(part, late), false)
      assert.equal(await context.save(part, { freed: [nameOf('kept')] }), false)
      assert.equal(await context.save({ ...part, term: part.term + 100n }, late), false)
      assert.equal(await context.save({ ...part, part: 9 }, late), false)
      assert.deepEqual([await context.look(), await context.holds()], before)
      assert.deepEqual(await context.dead(), [])
    },
  },
  {
    id: 'progress-save-3', title: 'of several parts in one call each is written or not on its own, answered in order',
    async run(context) {
      const [a, b] = await context.share('a', 'b')
      const stale = progressOf({ ...b, term: b.term - 1n }, {
        cursor: 'c-9', held: [heldOf('stale')], dead: [deadOf('stale')],
      })
      const saved = await context.store.save({
        publisher: NAME, parts: [
          stale, progressOf(a, { cursor: 'c-1', held: [heldOf('first')], dead: [deadOf('e-1')] }),
          progressOf({ ...a, part: 7 }), progressOf(b, { cursor: 'c-2', held: [heldOf('second')] }),
        ],
      })
      assert.deepEqual(saved, [false, true, false, true])
      assert.deepEqual((await context.look()).parts.map(({ cursor }) => cursor).sort(), ['c-1', 'c-2'])
      assert.deepEqual((await context.holds()).map(({ stream }) => stream).sort(), ['first', 'second'])
      assert.equal(only(await context.dead()).id, 'e-1')
      assert.deepEqual(await context.store.save({ publisher: NAME, parts: [] }), [])
    },
  },
  {
    id: 'progress-save-4', title: 'of an unknown publisher, or under another\'s term, nothing is written',
    async run(context) {
      const part = await context.takeAll('a')
      await context.takeAll('b', { publisher: 'other' })
      await context.take('b', { publisher: 'other' })
      const parts = [progressOf(part, { cursor: 'c-9', held: [heldOf('s')], dead: [deadOf('e-1')] })]
      assert.deepEqual(await context.store.save({ publisher: 'unknown', parts }), [false])
      assert.equal(await context.store.look('unknown'), undefined)
      assert.deepEqual(await context.store.save({ publisher: NAME, parts }), [true])
      assert.equal((await context.look('other')).parts[0]?.cursor, undefined)
      assert.deepEqual(await context.store.holds({ publisher: 'other', slots: part.slots, limit: 9 }), [])
      assert.deepEqual(await context.dead('other'), [])
    },
  },
  {
    id: 'progress-save-5', title: 'the same save twice, as after a lost answer, leaves what one does',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { held: [heldOf('old')] })
      const progress = {
        cursor: 'c-1', held: [heldOf('s1'), heldOf('s2')], freed: [nameOf('old')], dead: [deadOf('e-1'), deadOf('e-2')],
      }
      assert.equal(await context.save(part, progress), true)
      const once = [await context.look(), await context.holds()]
      const letters = (await context.dead()).map(({ number: _, ...letter }) => letter)
      assert.equal(await context.save(part, progress), true)
      assert.deepEqual([await context.look(), await context.holds()], once)
      assert.deepEqual((await context.dead()).map(({ number: _, ...letter }) => letter), letters)
    },
  },
  {
    id: 'progress-save-6', title: 'numbers up to the last that is assigned, and any text, come back as they were',
    async run(context) {
      const part = await context.takeAll('a')
      const held = HOSTILE_TEXTS.map((text, n) => heldOf(text, {
        slot: 63 - (n % 2), from: MAX_ASSIGNED - BigInt(n), to: MAX_ASSIGNED, attempts: 1_000_000, error: text,
        retryInMs: n,
      }))
      const dead = HOSTILE_TEXTS.map((text) => deadOf(text, {
        ...nameOf(text), sequence: MAX_ASSIGNED, type: text, attempts: 1_000_000, error: text,
      }))
      assert.equal(await context.save(part, { held, dead }), true)
      assert.deepEqual(await context.holds(), held)
      const letters = await context.dead()
      assert.deepEqual(letters.map(({ number: _, diedAt: __, ...letter }) => letter), dead)
      assert.equal(await context.save(part, { freed: held.map(({ stream }) => nameOf(stream)) }), true)
      assert.deepEqual(await context.holds(), [])
    },
  },
  {
    id: 'progress-save-7', title: 'what a save was handed may be changed by the caller afterwards',
    async run(context) {
      const part = await context.takeAll('a')
      const hold = { ...heldOf('s1') }
      const held = [hold]
      await context.save(part, { held })
      held.push(heldOf('s2'))
      Object.assign(hold, { from: 99n, stream: 'other' })
      assert.deepEqual(await context.holds(), [heldOf('s1')])
    },
  },
]
