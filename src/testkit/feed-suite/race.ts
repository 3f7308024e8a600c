/** `feed-race-*`: two handles at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { FeedCase } from './case.js'
import { commitOf, feedOf, numbersOf, outcomeOf, placeOf, type FeedContext } from './context.js'
import { FEED, upTo } from './names.js'
import type { OpenTransaction } from '../open-transactions.js'

interface Held<T> {
  readonly outcome: Promise<{ value: T } | { error: unknown }>
  /** Some round trips later: whether it goes on waiting. */
  isWaiting(): Promise<boolean>
}

/** What is begun while somebody else has the feed. */
function begun<T>(context: FeedContext, work: Promise<T>): Held<T> {
  let isOver = false
  const outcome = outcomeOf(work).finally(() => {
    isOver = true
  })
  return {
    outcome,
    async isWaiting() {
      for (let round = 0; round < 20; round += 1) await context.store.state(FEED)
      return !isOver
    },
  }
}

/** First one transaction commits to the feed, then another while it is open; then the first ends. */
async function follow(
  context: FeedContext, first: (tx: unknown) => Promise<unknown>, second: (tx: unknown) => Promise<unknown>,
  end: (transaction: OpenTransaction<unknown>) => Promise<void>,
): Promise<unknown> {
  const [a, b] = [await context.begin(), await context.begin()]
  await first(a.tx)
  const held = begun(context, second(b.tx))
  assert.ok(await held.isWaiting(), 'the second did not wait for the end of the first')
  await end(a)
  const outcome = await held.outcome
  if ('error' in outcome) throw outcome.error
  await b.commit()
  return outcome.value
}

export const raceCases: readonly FeedCase[] = [
  {
    id: 'feed-race-1', title: 'two committers on two handles: dense, each once, rows of the last, evicted exactly',
    async run(context) {
      await context.open({ capacity: 7 })
      const sequences = (await Promise.all([context.store, context.other].map(async (store, committer) => {
        const own: number[] = []
        for (const n of upTo(25)) {
          const results = upTo(1 + (n % 3)).map((part) => `${committer} ${n} ${part}`)
          const state = await context.commit({
            capacity: 7, results, rows: [[1, `${committer} ${n}`], [100 + 50 * committer + n, 'x']],
          }, store)
          assert.deepEqual(state.first, state.sequence < 7n ? 1n : state.sequence - 6n)
          own.push(...results.map((_, at) => Number(state.sequence) - results.length + 1 + at))
        }
        assert.deepEqual(own, own.toSorted((a, b) => a - b))
        return own
      }))).flat().toSorted((a, b) => a - b)
      assert.deepEqual(sequences, upTo(sequences.length))
      const last = (await context.results()).at(-1)?.[1].split(' ').slice(0, 2).join(' ')
      assert.deepEqual([(await context.rows()).length, (await context.rows())[0]], [51, [1n, last]])
      await context.all()
    },
  },
  {
    id: 'feed-race-2', title: 'while a transaction is open, others wait for its end and follow it', concurrent: true,
    needs: 'transactions',
    async run(context) {
      await context.open()
      await context.commit({ results: ['a', 'b'] })
      const commit = (text: string) => (tx: unknown) => context.commitIn(tx, { results: [text], rows: [[1, text]] })
      const kept = await follow(context, commit('c'), commit('d'), (tx) => tx.commit())
      assert.deepEqual(kept, await context.state())
      assert.deepEqual(await context.results(), [[2, 'b'], [3, 'c'], [4, 'd']])
      await follow(context, commit('undone'), commit('e'), (tx) => tx.rollback())
      assert.deepEqual(await context.results(), [[3, 'c'], [4, 'd'], [5, 'e']])
      assert.deepEqual(await context.rows(), [[1n, 'e']])
      await context.all()
    },
    async serial(context) {
      await context.open()
      for (const [text, isKept] of [['a', true], ['undone', false], ['b', true]] as const) {
        const transaction = await context.begin()
        await context.commitIn(transaction.tx, { results: [text] })
        await (isKept ? transaction.commit() : transaction.rollback())
      }
      assert.deepEqual(await context.results(), [[1, 'a'], [2, 'b']])
    },
  },
  {
    id: 'feed-race-3', title: 'a feed that two make at once is made once; rolled back, it is the other\'s',
    concurrent: true, needs: 'transactions',
    async run(context) {
      const { store } = context
      for (const isKept of [true, false]) {
        await context.delete()
        const [first, second] = [feedOf({ configHash: 'one' }), feedOf({ configHash: 'two' })]
        const state = await follow(context, (tx) => store.open(tx, first), (tx) => store.open(tx, second),
          (tx) => (isKept ? tx.commit() : tx.rollback()))
        assert.deepEqual(state, { ...(isKept ? first : second), sequence: 0n, first: 1n })
        assert.deepEqual(await context.state(), state)
      }
    },
  },
  {
    id: 'feed-race-4', title: 'who waited for a reset or a delete commits to what is there then, or to nothing',
    concurrent: true, needs: 'transactions',
    async run(context) {
      const { store } = context
      const late = commitOf({ results: ['late'], rows: [[9, 'x']] })
      const commit = (tx: unknown): Promise<unknown> => store.commit(tx, late)
      const changes = {
        reset: (tx: unknown) => store.reset(tx, feedOf()),
        'other hash': (tx: unknown) => store.reset(tx, feedOf({ configHash: 'hash-2' })),
        delete: (tx: unknown) => store.delete(tx, FEED),
      }
      for (const [name, change] of Object.entries(changes)) {
        await context.reset()
        await context.commit({ results: ['a', 'b', 'c', 'd'], rows: [[1, 'one']] })
        const state = await follow(context, change, commit, (tx) => tx.commit())
        if (name === 'reset') assert.deepEqual(await context.all(), { state, results: ['late'], rows: [[9n, 'x']] })
        else assert.equal(state, undefined, name)
        await context.all()
      }
    },
  },
  {
    id: 'feed-race-5', title: 'of two that would wait for each other one is aborted, retryable, and the other commits',
    concurrent: true, needs: 'transactions',
    async run(context) {
      for (const feed of ['a', 'b']) await context.open({ feed })
      const [first, second] = [await context.begin(), await context.begin()]
      await context.commitIn(first.tx, { feed: 'a', results: ['first'] })
      await context.commitIn(second.tx, { feed: 'b', results: ['second'] })
      const outcomes = await Promise.all([[first, 'b'], [second, 'a']].map(async ([transaction, feed]) => {
        const { tx, commit, rollback } = transaction as OpenTransaction<unknown>
        const outcome = await outcomeOf(context.commitIn(tx, { feed: String(feed), results: ['both'] }))
        await ('error' in outcome ? rollback() : commit())
        return outcome
      }))
      const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []))
      assert.equal(errors.length, 1)
      assert.ok(isWaybillError(errors[0], 'TRANSACTION_ABORTED') && errors[0].retryable, String(errors[0]))
      const sequences = [await context.state('a'), await context.state('b')].map(placeOf)
      assert.deepEqual(sequences, [[1, 1], [1, 1]])
    },
  },
  {
    id: 'feed-race-6', title: 'commits, resets, deletes and opens at once: each state agrees with itself',
    async run(context) {
      await Promise.all([context.store, context.other].map(async (store, n) => {
        for (const round of upTo(20)) {
          await store.transaction(async (tx) => {
            const state = await store.open(tx, feedOf())
            assert.ok(state.sequence >= 0n)
            if (round % 7 === 3 + n) await store.reset(tx, feedOf())
            if (round % 11 === 5 + n) await store.delete(tx, FEED)
          })
          await store.transaction((tx) => store.commit(tx, commitOf({
            results: upTo(round % 4).map(String), rows: [[round, `${n}`], [round - 1, null]],
          })))
          const page = await store.page({ feed: FEED, after: 0n, limit: 100 })
          if (page !== undefined) assert.deepEqual(page.entries.map(({ sequence }) => sequence), numbersOf(page.state))
        }
      }))
      await context.all()
    },
  },
]
