/** `crowd-*`: a hundred thousand streams. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'

const STREAMS = 100_000
const BATCH = 5_000

export const crowdCases: readonly JournalCase[] = [
  {
    id: 'crowd-1', title: '100,000 streams: all are listed and read, and one more append costs what it costs alone',
    async run(context) {
      const nameOf = (n: number): string => `stream-${String(n).padStart(6, '0')}`
      for (let from = 0; from < STREAMS; from += BATCH) {
        await context.append(...Array.from({ length: BATCH }, (_, n) => ({ stream: nameOf(from + n), payload: null })))
      }
      const follower = context.follower()
      await follower.poll()
      assert.equal(follower.events.length, STREAMS)
      assert.equal((await context.append({ stream: nameOf(77_777) }))[0]?.sequence, 2n)
      assert.equal((await context.journal.read(nameOf(77_777))).length, 2)
      const page = await context.journal.streams({
        after: { scope: context.scope, stream: nameOf(99_989) }, limit: 1_000,
      })
      assert.deepEqual(page.map(({ stream }) => stream), Array.from({ length: 10 }, (_, n) => nameOf(99_990 + n)))
      let count = 0
      for (let after: { scope: string; stream: string } | undefined; ;) {
        const next = await context.journal.streams({ limit: 1_000, after })
        count += next.length
        if (next.length === 0) break
        after = next.at(-1)
      }
      assert.equal(count, STREAMS)
    },
  },
]
