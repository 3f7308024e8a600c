/** `checkpoint-race-*`: two handles at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import type { CheckpointStore } from '../../feeds/checkpoints.js'
import type { CheckpointCase } from './case.js'
import { checkpointOf, deadOf, LEASE_MS, NAME, savedOf, type CheckpointContext } from './context.js'

const OWNERS = Array.from({ length: 8 }, (_, n) => `owner ${n}`)

function handleOf(context: CheckpointContext, n: number): CheckpointStore {
  return n % 2 === 0 ? context.store : context.other
}

export const raceCases: readonly CheckpointCase[] = [
  {
    id: 'checkpoint-race-1', title: 'of eight who come at once one is the subscriber, and no term has two owners',
    async run(context) {
      const terms = new Map<bigint, string>()
      for (let round = 0; round < 10; round += 1) {
        const states = await Promise.all(OWNERS.map((owner, n) => (
          handleOf(context, n + round).take({ subscriber: NAME, owner, leaseMs: LEASE_MS }))))
        const [taken, ...more] = states.flatMap((state) => state ?? [])
        assert.ok(taken?.owner !== undefined && more.length === 0, `${more.length + 1} are the subscriber`)
        assert.equal(terms.get(taken.term) ?? taken.owner, taken.owner, `term ${taken.term} has two owners`)
        terms.set(taken.term, taken.owner)
        if (round % 2 === 0) context.clock.advance(LEASE_MS)
        else await handleOf(context, round).release({ subscriber: NAME, term: taken.term })
      }
    },
  },
  {
    id: 'checkpoint-race-2', title: 'a save against a taker: it is seen by the taker, or refused',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        const { term } = await context.take('a')
        context.clock.advance(LEASE_MS)
        const checkpoints = [checkpointOf('orders', BigInt(round) + 1n)]
        const save = { subscriber: NAME, term, checkpoints, dead: [deadOf(BigInt(round))] }
        const both = [
          () => context.store.save(save), () => context.other.take({ subscriber: NAME, owner: 'b', leaseMs: LEASE_MS }),
        ] as const
        const begun = round % 2 === 0 ? [both[0](), both[1]()] : [both[1](), both[0]()].toReversed()
        const [isSaved, taken] = await Promise.all(begun) as [
          Awaited<ReturnType<(typeof both)[0]>>, Awaited<ReturnType<(typeof both)[1]>>,
        ]
        assert.ok(taken !== undefined)
        assert.equal(taken.checkpoints[0]?.sequence === BigInt(round) + 1n, isSaved, 'the taker saw something else')
        assert.deepEqual((await context.look())?.checkpoints, taken.checkpoints)
        assert.equal((await context.dead()).some(({ sequence }) => sequence === BigInt(round)), isSaved)
        context.clock.advance(LEASE_MS)
      }
    },
  },
  {
    id: 'checkpoint-race-3', title: 'a save against one who forgets: nothing of it is left',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        const { term } = await context.take('a')
        const save = {
          subscriber: NAME, term, dead: [deadOf(BigInt(round))],
          checkpoints: [checkpointOf('orders', 1n), checkpointOf(`feed-${round}`, 1n)],
        }
        const both = [() => context.store.save(save), () => context.other.forget(NAME)]
        await Promise.all((round % 2 === 0 ? both : both.toReversed()).map((call) => call()))
        assert.deepEqual([await context.look(), await context.dead()], [undefined, []])
        assert.deepEqual((await context.take('a')).checkpoints, [])
      }
    },
  },
  {
    id: 'checkpoint-race-5', title: 'a save against one who forgets a feed: nothing of the feed is left',
    async run(context) {
      for (let round = 0; round < 25; round += 1) {
        const { term } = await context.take('a')
        const checkpoints = [checkpointOf('orders', BigInt(round)), checkpointOf('stock', BigInt(round))]
        await context.save(term, { checkpoints })
        const later = [checkpointOf('orders', 1_000n), checkpointOf('stock', 1_000n)]
        const dead = [deadOf(BigInt(round)), deadOf(1n, { feed: 'stock', error: `${round}` })]
        const save = (): Promise<boolean> => context.store.save({ subscriber: NAME, term, checkpoints: later, dead })
        const forget = (): Promise<boolean> => context.other.forget(NAME, 'orders')
        const begun = round % 2 === 0 ? [save(), forget()] : [forget(), save()].toReversed()
        const [isSaved, isForgotten] = await Promise.all(begun)
        assert.equal(isForgotten, true)
        assert.deepEqual(savedOf(await context.look()), [(isSaved === true ? later : checkpoints)[1]])
        const letters = await context.dead()
        assert.ok(letters.every(({ feed }) => feed === 'stock'), 'a dead letter of the feed is left')
        assert.equal(letters.some(({ error }) => error === `${round}`), isSaved)
        await context.save((await context.take('a')).term, { checkpoints })
      }
    },
  },
  {
    id: 'checkpoint-race-6', title: 'who discards against one who gives the same up again: the latest stays',
    async run(context) {
      const { term } = await context.take('a')
      const dead = (error: string) => Array.from({ length: 10 }, (_, n) => deadOf(BigInt(n), { error }))
      await context.save(term, { dead: dead('at first') })
      for (let round = 0; round < 25; round += 1) {
        const numbers = (await context.dead()).map(({ number }) => number)
        const error = `${round}`
        // In the other order, so that rows which are locked one by one would be waited for in a circle.
        const both = [
          () => context.store.save({ subscriber: NAME, term, checkpoints: [], dead: dead(error).toReversed() }),
          () => context.other.discard({ subscriber: NAME, numbers }),
        ]
        await Promise.all((round % 2 === 0 ? both : both.toReversed()).map((call) => call()))
        const letters = await context.dead()
        assert.deepEqual(letters.map((letter) => letter.error), Array.from({ length: 10 }, () => error))
      }
    },
  },
  {
    id: 'checkpoint-race-4', title: 'saves of one owner at once, of the same feeds in other orders: each is whole',
    async run(context) {
      const { term } = await context.take('a')
      const feeds = Array.from({ length: 20 }, (_, n) => `feed-${String(n).padStart(2, '0')}`)
      for (let round = 0; round < 5; round += 1) {
        await Promise.all(OWNERS.map((owner, n) => handleOf(context, n).save({
          subscriber: NAME, term, dead: [deadOf(BigInt(n))],
          checkpoints: (n % 2 === 0 ? feeds : feeds.toReversed()).map((feed) => checkpointOf(feed, BigInt(n))),
        })))
        const saved = (await context.look())?.checkpoints ?? []
        assert.deepEqual(saved.map(({ feed }) => feed), feeds)
        assert.equal(new Set(saved.map(({ sequence }) => sequence)).size, 1, 'a mixture of two saves')
      }
      assert.equal((await context.dead()).length, OWNERS.length)
    },
  },
]
