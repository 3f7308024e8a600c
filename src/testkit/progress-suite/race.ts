/** `progress-race-*`: two handles at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import { ALL_SLOTS, type ProgressStore, type PublisherState } from '../../journal/progress.js'
import type { ProgressCase } from './case.js'
import {
  assertWhole, deadOf, heldOf, LEASE_MS, NAME, partOf, progressOf, sharesOf, takeOf, type ProgressContext,
} from './context.js'

const OWNERS = Array.from({ length: 8 }, (_, n) => `owner ${n}`)

/** What an owner may rely on, from one state to the next of which it is sure that it came later. */
class Owners {
  readonly #terms = new Map<bigint, string>()

  see(state: PublisherState): void {
    assertWhole(state)
    for (const { term, owner } of state.parts) {
      if (owner === undefined) continue
      assert.equal(this.#terms.get(term) ?? owner, owner, `term ${term} has two owners`)
      this.#terms.set(term, owner)
    }
  }
}

function handleOf(context: ProgressContext, n: number): ProgressStore {
  return n % 2 === 0 ? context.store : context.other
}

/** What an owner does with its surplus: gives the highest slots back, part by part. */
async function giveSurplus(store: ProgressStore, owner: string, state: PublisherState): Promise<void> {
  let surplus = (sharesOf(state)[owner] ?? 0) - Math.ceil(64 / state.members)
  for (const { part, term, slots, owner: of } of state.parts) {
    if (of !== owner || surplus <= 0) continue
    let given = 0n
    for (let slot = 63n; slot >= 0n && surplus > 0; slot -= 1n) {
      if ((slots & (1n << slot)) === 0n) continue
      given |= 1n << slot
      surplus -= 1
    }
    await store.give({ publisher: NAME, part, term, slots: given })
  }
}

export const raceCases: readonly ProgressCase[] = [
  {
    id: 'progress-race-1', title: 'eight takers on two handles, some late, some leaving: never two owners, and fair',
    async run(context) {
      const owners = new Owners()
      const first = await Promise.all(OWNERS.map((owner, n) => handleOf(context, n).take(takeOf(owner))))
      for (const state of first) owners.see(state)
      assert.equal(new Set(first.flatMap(({ parts }) => parts.map(({ owner, term }) => `${owner} ${term}`))).size, 1,
        'a new publisher was made twice')
      for (let round = 0; round < 6; round += 1) {
        // One lets its lease end; one leaves and comes again; the others divide what there is.
        const late = round % OWNERS.length
        context.clock.advance(LEASE_MS / 2)
        await Promise.all(OWNERS.map(async (owner, n) => {
          if (n === late) return
          const store = handleOf(context, n + round)
          if (n === (late + 3) % OWNERS.length) await store.leave({ publisher: NAME, owner })
          const state = await store.take(takeOf(owner))
          owners.see(state)
          await giveSurplus(store, owner, state)
        }))
        owners.see(await context.look())
      }
      for (let round = 0; round < 3; round += 1) {
        for (const owner of OWNERS) await giveSurplus(context.store, owner, await context.take(owner))
      }
      const state = await context.look()
      owners.see(state)
      assert.deepEqual(sharesOf(state), Object.fromEntries(OWNERS.map((owner) => [owner, 8])))
    },
  },
  {
    id: 'progress-race-2', title: 'a save against a take of the part that has run out: exactly one wins',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        const [owner, taker] = [`a${round}`, `b${round}`]
        const { parts: [part] } = await context.take(owner)
        assert.ok(part?.owner === owner)
        context.clock.advance(LEASE_MS)
        const cursor = `c-${round}`
        const progress = progressOf(part, { cursor, held: [heldOf(cursor)], dead: [deadOf(cursor)] })
        const both = [
          () => context.store.save({ publisher: NAME, parts: [progress] }), () => context.other.take(takeOf(taker)),
        ] as const
        const begun = round % 2 === 0 ? [both[0](), both[1]()] : [both[1](), both[0]()].toReversed()
        const [saved, taken] = await Promise.all(begun) as [readonly boolean[], PublisherState]
        const isSaved = saved[0] === true
        assert.equal(partOf(taken.parts, taker).cursor === cursor, isSaved, 'the taker saw another cursor')
        assert.deepEqual((await context.look()).parts, taken.parts)
        assert.equal((await context.holds()).some(({ stream }) => stream === cursor), isSaved)
        assert.equal((await context.dead()).some(({ id }) => id === cursor), isSaved)
        assert.deepEqual(await context.store.save({ publisher: NAME, parts: [progress] }), [false])
        context.clock.advance(LEASE_MS)
      }
    },
  },
  {
    id: 'progress-race-3', title: 'gives, joins, saves, rewinds, takes and rebases at once: whole, and no term twice',
    async run(context) {
      const owners = new Owners()
      for (let round = 0; round < 6; round += 1) {
        const [{ parts }] = await Promise.all([context.take('a'), context.other.take(takeOf('b'))])
        const highest = (await context.look()).parts.reduce((max, { term }) => (term > max ? term : max), 0n)
        const own = parts.filter(({ owner }) => owner === 'a')
        const [first, second] = own
        await Promise.all([
          ...own.map(({ part, term, slots }, n) =>
            handleOf(context, n).give({ publisher: NAME, part, term, slots: slots & 0x5555_5555_5555_5555n })),
          ...(first === undefined || second === undefined ? [] : [context.other.join({
            publisher: NAME, owner: 'a', part: first.part, term: first.term, other: second.part, otherTerm: second.term,
          })]),
          context.other.save({ publisher: NAME, parts: own.map((part) => progressOf(part, { held: [heldOf('s1')] })) }),
          context.store.take(takeOf('b')), context.other.take(takeOf('c')),
          context.store.rewind({ publisher: NAME, ...heldOf('s2') }),
          context.other.rewind({ publisher: NAME, ...heldOf('s3') }),
          ...(round % 2 === 0 ? [context.store.rebase({ publisher: NAME, follow: 'all', cursor: `c-${round}` })] : []),
        ])
        const state = await context.look()
        owners.see(state)
        if (round % 2 !== 0) continue
        for (const { term, cursor } of state.parts) {
          assert.ok(term > highest, `term ${term} is not above ${highest}`)
          assert.equal(cursor, `c-${round}`)
        }
      }
      await context.store.rebase({ publisher: NAME, follow: 'all', cursor: 'c-end' })
      const [{ slots, cursor }, ...more] = (await context.look()).parts as [PublisherState['parts'][0]]
      assert.deepEqual([slots, cursor, more, await context.holds()], [ALL_SLOTS, 'c-end', [], []])
    },
  },
  {
    id: 'progress-race-4', title: 'of two who make a publisher that follows different things one is refused',
    async run(context) {
      for (let round = 0; round < 10; round += 1) {
        const publisher = `p${round}`
        const outcomes = await Promise.allSettled(['all', 'tag:x'].map((follow, n) =>
          handleOf(context, n + round).take(takeOf(`owner ${n}`, { publisher, follow }))))
        assert.deepEqual(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
        const refused = outcomes.find((outcome) => outcome.status === 'rejected')?.reason as { code?: unknown }
        assert.equal(refused.code, 'PUBLISHER_MISMATCH')
        const { follow, parts } = await context.look(publisher)
        assert.deepEqual(parts.map(({ owner }) => owner), [follow === 'all' ? 'owner 0' : 'owner 1'])
      }
    },
  },
]
