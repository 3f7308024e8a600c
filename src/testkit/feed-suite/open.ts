/** `feed-open-*`, `feed-reset-*` and `feed-delete-*`: how a feed begins, begins anew, and ends. */
import assert from 'node:assert/strict'
import type { FeedCase } from './case.js'
import { feedOf, HASH, placeOf } from './context.js'
import { FEED, upTo } from './names.js'

export const openCases: readonly FeedCase[] = [
  {
    id: 'feed-open-1', title: 'a feed is made with nothing in it',
    async run(context) {
      const feed = feedOf({ capacity: 7 })
      const state = await context.open(feed)
      assert.deepEqual(state, { ...feed, sequence: 0n, first: 1n })
      assert.deepEqual(await context.all(), { state, results: [], rows: [] })
    },
  },
  {
    id: 'feed-open-2', title: 'one that is there is answered as it is, and stays so',
    async run(context) {
      await context.open()
      const state = await context.commit({ results: ['a'], rows: [[1, 'one']] })
      const before = await context.all()
      assert.deepEqual(await context.open({ configHash: 'hash-2', capacity: 99 }), state)
      assert.deepEqual(await context.open(), state)
      assert.deepEqual(await context.all(), before)
    },
  },
  {
    id: 'feed-open-3', title: 'what there is not is undefined, and asking does not make it',
    async run(context) {
      for (let round = 0; round < 2; round += 1) {
        assert.deepEqual(await context.all(), { rows: 0, latest: undefined })
        assert.deepEqual(await context.store.list({ after: '', limit: 9 }), [])
      }
    },
  },
  {
    id: 'feed-open-4', title: 'feeds outlive their handle, with all that they have', needs: 'reopen',
    async run(context) {
      await context.open()
      await context.commit({ results: upTo(5).map((n) => `r${n}`), rows: [[1, 'one'], [2, '']] })
      await context.open({ feed: 'empty' })
      const before = [await context.all(), await context.all('empty')]
      await context.reopen()
      assert.deepEqual([await context.all(), await context.all('empty')], before)
      assert.deepEqual(placeOf(await context.commit()), [6, 4])
    },
  },
  {
    id: 'feed-open-5', title: 'a feed is made with nothing in it, also where its key had a log and rows of their own',
    async run(context) {
      const { store } = context
      await store.transaction(async (tx) => {
        for (const sequence of [1n, 2n, 99n]) await store.log.append(tx, FEED, sequence, new Uint8Array([1]))
        await store.live.applyMutations(tx, FEED, [{ signature: 1n, data: new Uint8Array([1]) }])
      })
      assert.deepEqual([await store.state(FEED), await context.delete()], [undefined, false])
      const state = await context.open()
      assert.deepEqual(placeOf(state), [0, 1])
      assert.deepEqual(await context.all(), { state, results: [], rows: [] })
    },
  },
  {
    id: 'feed-reset-1', title: 'reset leaves nothing, under a new incarnation; numbers begin anew',
    async run(context) {
      const old = await context.open()
      await context.commit({ results: upTo(5).map((n) => `r${n}`), rows: [[1, 'one']] })
      const feed = feedOf({ configHash: 'hash-2', capacity: 9 })
      const state = await context.reset(feed)
      assert.deepEqual(state, { ...feed, sequence: 0n, first: 1n })
      assert.notEqual(state.incarnation, old.incarnation)
      assert.deepEqual(await context.all(), { state, results: [], rows: [] })
      await context.commit({ configHash: 'hash-2', results: ['new'], rows: [[2, 'two']] })
      assert.deepEqual([await context.results(), await context.rows()], [[[1, 'new']], [[2n, 'two']]])
    },
  },
  {
    id: 'feed-reset-2', title: 'reset makes a feed where there is none',
    async run(context) {
      const feed = feedOf()
      assert.deepEqual(await context.reset(feed), { ...feed, sequence: 0n, first: 1n })
      assert.deepEqual(placeOf(await context.commit()), [1, 1])
    },
  },
  {
    id: 'feed-delete-1', title: 'delete leaves nothing; what is made afterwards is new',
    async run(context) {
      assert.equal(await context.delete(), false)
      await context.open()
      await context.commit({ results: upTo(5).map((n) => `r${n}`), rows: [[1, 'one']] })
      assert.equal(await context.delete(), true)
      assert.deepEqual(await context.all(), { rows: 0, latest: undefined })
      assert.equal(await context.delete(), false)
      const feed = feedOf()
      assert.deepEqual(await context.open(feed), { ...feed, sequence: 0n, first: 1n })
      await context.commit({ results: ['new'] })
      assert.deepEqual([await context.results(), await context.rows()], [[[1, 'new']], []])
    },
  },
  {
    id: 'feed-delete-2', title: 'others keep what they have through resets and deletes, also those named alike',
    async run(context) {
      const others = [`${FEED}0`, FEED.slice(0, -1), `${FEED}:`, FEED.toUpperCase(), `{${FEED}}`]
      for (const feed of [FEED, ...others]) {
        await context.open({ feed })
        await context.commit({ feed, results: upTo(4).map((n) => `${feed} ${n}`), rows: [[1, feed]] })
      }
      const before = await Promise.all(others.map((feed) => context.all(feed)))
      await context.reset({ configHash: HASH })
      await context.delete()
      assert.deepEqual(await Promise.all(others.map((feed) => context.all(feed))), before)
    },
  },
]
