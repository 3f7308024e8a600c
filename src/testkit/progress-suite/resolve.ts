/** `progress-resolve-*`: what becomes of dead letters, whoever works on the publisher. */
import assert from 'node:assert/strict'
import { MAX_ASSIGNED } from '../../core/u64.js'
import { scopeId } from '../../core/scope.js'
import type { DeadEvent, HeldDraft } from '../../journal/progress.js'
import { slotOf } from '../../journal/slots.js'
import type { DeadAnswer } from '../../outbox/contract.js'
import type { ProgressCase } from './case.js'
import { deadOf, heldOf, NAME, nameOf, type ProgressContext } from './context.js'

function resolve(
  context: ProgressContext, action: 'redrive' | 'discard', numbers: readonly bigint[], publisher = NAME,
): Promise<readonly DeadAnswer[]> {
  return context.store.resolveDead({ publisher, scope: undefined, numbers, action })
}

function numbersOf(letters: readonly DeadEvent[]): readonly bigint[] {
  return letters.map(({ number }) => number)
}

/** A stream that is held, as a redrive leaves it: due, and not tried. */
function redriven(stream: string, from: bigint, to: bigint, name: Partial<HeldDraft> = {}): HeldDraft {
  return heldOf(stream, { from, to, attempts: 0, retryInMs: 0, error: '', ...name })
}

export const resolveCases: readonly ProgressCase[] = [
  {
    id: 'progress-resolve-1', title: 'a discarded one is gone, nothing else is: neither holds, terms nor other letters',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { dead: [deadOf('e-1'), deadOf('e-2'), deadOf('e-3')], held: [heldOf('s1')] })
      const [first = 0n, second = 0n, third = 0n] = numbersOf(await context.dead())
      const numbers = [third, first, first, third + 1_000n, MAX_ASSIGNED, 0n]
      assert.deepEqual(await resolve(context, 'discard', numbers),
        ['discarded', 'discarded', 'not_dead', 'not_dead', 'not_dead', 'not_dead'])
      assert.deepEqual(numbersOf(await context.dead()), [second])
      assert.deepEqual([await context.holds(), (await context.look()).parts], [[heldOf('s1')], [part]])
      assert.equal(await context.save(part, { cursor: 'c-1' }), true)
      assert.deepEqual(await resolve(context, 'discard', []), [])
      assert.deepEqual(await resolve(context, 'redrive', []), [])
    },
  },
  {
    id: 'progress-resolve-2', title: 'of a redriven one the stream is held at that event alone, due now; it is gone',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { cursor: 'c-1', dead: [deadOf('e-1', { sequence: 7n }), deadOf('e-2')] })
      const [first = 0n, second = 0n] = numbersOf(await context.dead())
      assert.deepEqual(await resolve(context, 'redrive', [first, first]), ['redriven', 'not_dead'])
      assert.deepEqual(await context.holds(), [redriven('order-7', 7n, 7n)])
      assert.deepEqual(numbersOf(await context.dead()), [second])
      assert.deepEqual(await resolve(context, 'redrive', [first]), ['not_dead'])
      const other = nameOf('other')
      const dead = [deadOf('e-9', { ...other, sequence: 2n }), deadOf('e-8', { ...other, sequence: 9n })]
      await context.save((await context.look()).parts[0] ?? part, { dead })
      assert.deepEqual(await resolve(context, 'redrive', numbersOf(await context.dead()).slice(-2)),
        ['redriven', 'redriven'])
      assert.deepEqual((await context.holds()).find(({ stream }) => stream === 'other'), redriven('other', 2n, 9n))
    },
  },
  {
    id: 'progress-resolve-3', title: 'a stream that is held already is held from the earlier one on, to the later one',
    async run(context) {
      const part = await context.takeAll('a')
      const held = [heldOf('s1'), heldOf('s2'), heldOf('s3')]
      const dead = [
        deadOf('before', { ...nameOf('s1'), sequence: 1n }), deadOf('inside', { ...nameOf('s2'), sequence: 4n }),
        deadOf('behind', { ...nameOf('s3'), sequence: 9n }),
      ]
      await context.save(part, { held, dead })
      await resolve(context, 'redrive', numbersOf(await context.dead()))
      const holds = await context.holds()
      assert.deepEqual([...holds].sort((a, b) => (a.stream < b.stream ? -1 : 1)), [
        redriven('s1', 1n, 5n), heldOf('s2'), heldOf('s3', { to: 9n }),
      ])
    },
  },
  {
    id: 'progress-resolve-4', title: 'owners of parts with a redriven event learn it from the term, others do not',
    async run(context) {
      const parts = await context.share('a', 'b')
      const streams = parts.map(({ slots }) => streamIn(slots))
      for (const [n, part] of parts.entries()) {
        await context.save(part, { dead: [deadOf(`e-${n}`, nameOf(streams[n] ?? ''))] })
      }
      const [first = 0n, second = 0n] = numbersOf(await context.dead())
      await resolve(context, 'redrive', [first])
      const [a, b] = parts
      assert.equal(await context.save(a, { cursor: 'c-1' }), false)
      assert.equal(await context.save(b, { cursor: 'c-1' }), true)
      await resolve(context, 'redrive', [second])
      assert.equal(await context.save(b, { cursor: 'c-2' }), false)
      const { parts: after } = await context.look()
      assert.deepEqual(after.map(({ owner }) => owner).sort(), ['a', 'b'])
      assert.ok(after.every(({ term }) => term > a.term && term > b.term))
    },
  },
  {
    id: 'progress-resolve-5', title: 'an event that was given up again since it was listed stays',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { dead: [deadOf('e-1')] })
      const numbers = numbersOf(await context.dead())
      await context.save(part, { dead: [deadOf('e-1', { error: 'again' })] })
      for (const action of ['discard', 'redrive'] as const) {
        assert.deepEqual(await resolve(context, action, numbers), ['not_dead'])
      }
      assert.deepEqual((await context.dead()).map(({ error }) => error), ['again'])
      assert.deepEqual(await context.holds(), [])
    },
  },
  {
    id: 'progress-resolve-6', title: 'those of another publisher, or of another scope, are not touched',
    async run(context) {
      const [one, two] = [scopeId('tenant-1'), scopeId('tenant-2')]
      const part = await context.takeAll('a')
      await context.save(part, { dead: [deadOf('e-1', { scope: one }), deadOf('e-2', { scope: two })] })
      const numbers = numbersOf(await context.dead())
      for (const action of ['discard', 'redrive'] as const) {
        assert.deepEqual(await resolve(context, action, numbers, 'unknown'), ['not_dead', 'not_dead'])
      }
      const request = { publisher: NAME, scope: two, numbers }
      assert.deepEqual(await context.store.resolveDead({ ...request, action: 'redrive' }), ['not_dead', 'redriven'])
      assert.deepEqual((await context.dead()).map(({ id }) => id), ['e-1'])
      const slot = slotOf({ scope: two, stream: 'order-7' })
      assert.deepEqual(await context.holds(), [redriven('order-7', 4n, 4n, { scope: two, slot })])
    },
  },
  {
    id: 'progress-race-5', title: 'two who redrive and discard the same at once: each letter is done with once',
    async run(context) {
      const part = await context.takeAll('a')
      const dead = Array.from({ length: 20 }, (_, n) => deadOf(`e-${n}`, { ...nameOf(`s${n}`) }))
      await context.save(part, { dead })
      const numbers = numbersOf(await context.dead())
      const request = { publisher: NAME, scope: undefined }
      const [redrives, discards] = await Promise.all([
        context.store.resolveDead({ ...request, numbers, action: 'redrive' }),
        context.other.resolveDead({ ...request, numbers: numbers.toReversed(), action: 'discard' }),
      ])
      for (const [n, redrive] of redrives.entries()) {
        const both = [redrive, discards.toReversed()[n]]
        assert.equal(both.filter((answer) => answer === 'not_dead').length, 1)
      }
      assert.equal((await context.holds()).length, redrives.filter((answer) => answer === 'redriven').length)
      assert.deepEqual(await context.dead(), [])
    },
  },
  {
    id: 'progress-race-6', title: 'a redrive against a save that gives the same up again: dead or held, never neither',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        const publisher = `p${round}`
        const part = await context.takeAll('a', { publisher })
        const progress = { part: part.part, term: part.term, cursor: 'c-1', held: [], freed: [], dead: [deadOf('e-1')] }
        const save = { publisher, parts: [progress] }
        await context.store.save(save)
        const numbers = numbersOf(await context.dead(publisher))
        const request = { publisher, scope: undefined, numbers, action: 'redrive' } as const
        const [[saved], [answer]] = await Promise.all(round % 2 === 0
          ? [context.store.save(save), context.other.resolveDead(request)]
          : [context.other.save(save), context.store.resolveDead(request)])
        const isHeld = (await context.look(publisher)).parts[0]?.term !== part.term
        assert.equal(answer === 'redriven', isHeld)
        // Either the save came first, and the letter has another number, or it came too late.
        assert.equal(saved, answer === 'not_dead')
        assert.equal((await context.dead(publisher)).length, isHeld ? 0 : 1)
      }
    },
  },
]

function streamIn(slots: bigint): string {
  for (let n = 0; ; n += 1) if ((slots >> BigInt(slotOf(nameOf(`s${n}`))) & 1n) === 1n) return `s${n}`
}
