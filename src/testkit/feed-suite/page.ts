/** `feed-page-*`: the state and the log of one moment, so that a gap can be told from an end. */
import assert from 'node:assert/strict'
import { MAX_U64 } from '../../core/u64.js'
import type { FeedCase } from './case.js'
import { placeOf } from './context.js'
import { FEED, upTo } from './names.js'

export const pageCases: readonly FeedCase[] = [
  {
    id: 'feed-page-1', title: 'behind any number: what is kept, with a state that says what is not',
    async run(context) {
      await context.open()
      const state = await context.commit({ results: upTo(5).map((n) => `r${n}`) })
      assert.deepEqual(placeOf(state), [5, 3])
      for (const after of [0, 1, 2, 3, 4, 5, 6, 99, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, MAX_U64]) {
        const page = await context.page(after)
        assert.deepEqual(page.state, state)
        const kept = [3n, 4n, 5n].filter((n) => n > BigInt(after))
        assert.deepEqual(page.entries.map(({ sequence }) => sequence), kept)
      }
    },
  },
  {
    id: 'feed-page-2', title: 'in pages of any size each result comes once, in order',
    async run(context) {
      await context.open({ capacity: 100 })
      await context.commit({ capacity: 100, results: upTo(30).map((n) => `r${n}`) })
      for (const limit of [1, 7, 30, 1_000]) {
        const read: string[] = []
        for (let after = 0n; ;) {
          const { entries } = await context.page(after, { limit })
          assert.ok(entries.length <= limit)
          if (entries.length === 0) break
          read.push(...entries.map(({ data }) => Buffer.from(data).toString()))
          after = entries.at(-1)?.sequence ?? after
        }
        assert.deepEqual(read, upTo(30).map((n) => `r${n}`))
      }
    },
  },
  {
    id: 'feed-page-3', title: 'state and results are of one moment while others commit, evict and reset',
    async run(context) {
      await context.open()
      let isWriting = true
      const writing = (async () => {
        for (const round of upTo(40)) {
          if (round % 10 === 0) await context.reset()
          else await context.commit({ results: upTo(round % 5).map((n) => `${n}`) }, context.other)
        }
      })().finally(() => {
        isWriting = false
      })
      while (isWriting) {
        const { state, entries } = await context.page()
        const [last, first] = placeOf(state)
        assert.deepEqual(entries.map(({ sequence }) => Number(sequence)), upTo(last).slice(first - 1))
      }
      await writing
    },
  },
  {
    id: 'feed-page-4', title: 'a feed without results says so',
    async run(context) {
      const state = await context.open()
      for (const after of [0n, 1n, MAX_U64]) {
        const page = await context.page(after)
        assert.deepEqual([page.state, page.entries], [state, []])
      }
      assert.equal(await context.store.page({ feed: `${FEED}0`, after: 0n, limit: 1 }), undefined)
    },
  },
]
