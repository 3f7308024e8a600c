/** `feed-tx-*` and `feed-atomic-*`: with the caller's transaction, entirely or not at all. */
import assert from 'node:assert/strict'
import type { FeedCase } from './case.js'
import { CAPACITY, feedOf, placeOf, type CommitPart, type FeedContext } from './context.js'
import { FEED, upTo } from './names.js'
import type { Mutation } from './rows-context.js'

const FIVE: CommitPart = { results: upTo(5).map((n) => `r${n}`), rows: [[1, 'one'], [2, 'two']] }

/** What changes a feed, each in another way. */
const CHANGES: Readonly<Record<string, (context: FeedContext, tx: unknown) => Promise<unknown>>> = {
  commit: (context, tx) => context.commitIn(tx, { results: ['x', 'y'], rows: [[1, null], [3, 'three'], [2, 'other']] }),
  'rows only': (context, tx) => context.commitIn(tx, { results: [], rows: [[1, null], [3, 'three']] }),
  'smaller capacity': (context, tx) => context.commitIn(tx, { capacity: 1, results: [] }),
  reset: ({ store }, tx) => store.reset(tx, feedOf({ configHash: 'hash-2', capacity: 9 })),
  delete: ({ store }, tx) => store.delete(tx, FEED),
  'delete and open': async ({ store }, tx) => {
    await store.delete(tx, FEED)
    await store.open(tx, feedOf())
  },
}

export const transactionCases: readonly FeedCase[] = [
  {
    id: 'feed-tx-1', title: 'nothing is seen before the commit, and all of it afterwards', needs: 'transactions',
    async run(context) {
      for (const change of Object.values(CHANGES)) {
        await context.reset()
        await context.commit(FIVE)
        const before = await context.all()
        const transaction = await context.begin()
        await change(context, transaction.tx)
        assert.deepEqual(await context.all(), before)
        await transaction.commit()
        assert.notDeepEqual(await context.all(), before)
      }
    },
  },
  {
    id: 'feed-tx-2', title: 'rolled back, nothing has happened, whatever it was', needs: 'transactions',
    async run(context) {
      await context.open()
      await context.commit(FIVE)
      const before = await context.all()
      for (const [name, change] of Object.entries(CHANGES)) {
        const transaction = await context.begin()
        await change(context, transaction.tx)
        await transaction.rollback()
        assert.deepEqual(await context.all(), before, name)
      }
      assert.deepEqual(placeOf(await context.commit()), [6, 4])
    },
  },
  {
    id: 'feed-tx-3', title: 'calls of one transaction see those before them', needs: 'transactions',
    async run(context) {
      const { store } = context
      const transaction = await context.begin()
      const { tx } = transaction
      const made = await store.open(tx, feedOf())
      assert.deepEqual(await store.open(tx, feedOf()), made)
      assert.deepEqual(placeOf(await context.commitIn(tx, FIVE)), [5, 3])
      assert.deepEqual(placeOf(await context.commitIn(tx, { results: ['r6'], rows: [[2, null]] })), [6, 4])
      assert.equal(await store.delete(tx, FEED), true)
      assert.equal(await store.delete(tx, FEED), false)
      const again = await store.open(tx, feedOf({ configHash: 'hash-2' }))
      assert.equal(await store.commit(tx, { ...feedOf(), results: [], mutations: [] }), undefined)
      const state = await context.commitIn(tx, { configHash: 'hash-2', results: ['new'], rows: [[7, 'seven']] })
      await transaction.commit()
      assert.deepEqual(state, { ...again, sequence: 1n })
      assert.deepEqual(await context.all(), { state, results: ['new'], rows: [[7n, 'seven']] })
    },
  },
  {
    id: 'feed-tx-4', title: 'a savepoint takes back what came after it, and only that', needs: 'transactions',
    async run(context) {
      await context.open()
      for (const [name, change] of Object.entries(CHANGES)) {
        await context.reset()
        const transaction = await context.begin()
        await context.commitIn(transaction.tx, FIVE)
        const savepoint = await transaction.savepoint?.()
        if (savepoint === undefined) return await transaction.rollback()
        await change(context, transaction.tx)
        await savepoint.rollback()
        const state = await context.commitIn(transaction.tx, { results: ['r6'], rows: [[1, null]] })
        await transaction.commit()
        assert.deepEqual(await context.all(), { state, results: ['r4', 'r5', 'r6'], rows: [[2n, 'two']] }, name)
      }
    },
  },
  {
    id: 'feed-tx-5', title: 'several feeds in one transaction: all or none', needs: 'transactions',
    async run(context) {
      const feeds = ['a', 'b', 'c']
      for (const feed of feeds) await context.open({ feed })
      for (const isKept of [false, true]) {
        const transaction = await context.begin()
        for (const feed of feeds) await context.commitIn(transaction.tx, { ...FIVE, feed })
        await (isKept ? transaction.commit() : transaction.rollback())
        for (const feed of feeds) {
          assert.deepEqual(placeOf(await context.state(feed)), isKept ? [5, 3] : [0, 1])
          await context.all(feed)
        }
      }
    },
  },
  {
    id: 'feed-atomic-1', title: 'readers beside a writer see no half: log, rows and sequence agree',
    async run(context) {
      await context.open()
      let isWriting = true
      const writing = (async () => {
        for (const n of upTo(40)) {
          const rows = upTo(8).map((row): Mutation => [row, `${n}`])
          await context.commit({ results: [`${n}`], rows }, context.other)
        }
      })().finally(() => {
        isWriting = false
      })
      while (isWriting) {
        const before = await context.page()
        const rows = await context.rows()
        const after = await context.page()
        const [low, high] = [before.state.sequence, after.state.sequence]
        for (const { state, entries } of [before, after]) {
          assert.deepEqual(entries.map(({ data }) => Buffer.from(data).toString()),
            entries.map(({ sequence }) => String(sequence)))
          assert.equal(entries.length, Math.min(CAPACITY, Number(state.sequence)))
        }
        assert.ok(rows.length === 8 || low === 0n, `${rows.length} rows at ${low}`)
        for (const [, text] of rows) assert.ok(BigInt(text) >= low && BigInt(text) <= high, `${low} ${text} ${high}`)
      }
      await writing
    },
  },
  {
    id: 'feed-atomic-2', title: 'where any statement fails, a rollback leaves what was before', needs: 'faulty',
    async run(context) {
      await context.open()
      await context.commit(FIVE)
      const before = await context.all()
      for (const [name, change] of Object.entries(CHANGES)) {
        for (let failAt = 1; ; failAt += 1) {
          assert.ok(failAt < 100, `${name} does not end`)
          const { tx, rollback } = await context.begin()
          const failed = await change(context, context.opened.faulty?.(tx, failAt)).then(() => false, () => true)
          await rollback()
          assert.deepEqual(await context.all(), before, `${name}, statement ${failAt}`)
          if (!failed) break
        }
      }
    },
  },
]
