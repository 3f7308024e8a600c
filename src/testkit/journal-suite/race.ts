/** `contend-*`: many writers at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { JournalCase } from './case.js'
import { idsOf, outcomeOf, sequencesOf, STREAM, upTo } from './context.js'

export const raceCases: readonly JournalCase[] = [
  {
    id: 'contend-1', title: 'sixteen writers of one stream: dense, every event once, positions in the same order',
    async run(context) {
      const written = (await Promise.all(Array.from({ length: 16 }, async () => {
        const ids: string[] = []
        for (let n = 0; n < 8; n += 1) ids.push(...idsOf(await context.append({}, {})))
        return ids
      }))).flat()
      const events = await context.journal.read(STREAM)
      assert.deepEqual(sequencesOf(events), upTo(256))
      assert.deepEqual(idsOf(events).toSorted(), written.toSorted())
      assert.deepEqual(await context.follower({ limit: 100 }).poll(), idsOf(events))
    },
  },
  {
    id: 'contend-2', title: 'of many that expect the same number one succeeds, the others get that conflict',
    async run(context) {
      for (let round = 0; round < 6; round += 1) {
        const outcomes = await Promise.all(Array.from({ length: 10 }, () =>
          outcomeOf(context.appendWith({ expectedSequence: round }, {}))))
        const errors = outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []))
        assert.equal(errors.length, 9)
        const foreign = errors.find((error) => !isWaybillError(error, 'SEQUENCE_CONFLICT'))
        assert.equal(foreign, undefined, String(foreign))
      }
      assert.equal(await context.journal.highestSequence(STREAM), 6n)
    },
  },
  {
    id: 'contend-3', title: 'read, decide and append again after a conflict: no decision is lost',
    async run(context) {
      const count = async (): Promise<void> => {
        for (;;) {
          const events = await context.journal.read(STREAM)
          const { length } = events
          const outcome = await outcomeOf(context.appendWith({ expectedSequence: length }, { payload: length }))
          if ('value' in outcome) return
          assert.ok(isWaybillError(outcome.error, 'SEQUENCE_CONFLICT'), String(outcome.error))
        }
      }
      await Promise.all(Array.from({ length: 6 }, async () => {
        for (let n = 0; n < 5; n += 1) await count()
      }))
      const events = await context.journal.read(STREAM)
      assert.deepEqual(events.map((event) => context.journal.decode(event)), upTo(30).map((n) => n - 1))
    },
  },
  {
    id: 'contend-4', title: 'new streams made by many at once are made once',
    async run(context) {
      await Promise.all(Array.from({ length: 12 }, (_, n) => context.append(
        ...upTo(20).map((stream) => ({ stream: `s${n % 2 === 0 ? stream : 21 - stream}` })))))
      const streams = await context.journal.streams()
      assert.deepEqual(streams.map(({ highestSequence }) => highestSequence), Array(20).fill(12n))
    },
  },
  {
    id: 'contend-5', title: 'followers beside writers that roll back now and then: all that committed, once, in order',
    async run(context) {
      let isWriting = true
      const followers = [3, 1_000].map((limit) => context.follower({ limit }))
      const following = followers.map(async (follower) => {
        while (isWriting) await follower.poll()
        await follower.poll()
      })
      const written = await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
        const ids: string[] = []
        for (let n = 0; n < 12; n += 1) {
          const parts = [{ stream: `s${writer % 3}` }, { stream: `own${writer}` }]
          const isKept = n % 4 !== 3
          const outcome = await outcomeOf(context.store.transaction(async (tx) => {
            const drafts = parts.map((part) => ({ ...part, type: 't', payload: n }))
            const { events } = await context.journal.append(tx, drafts)
            if (!isKept) throw new Error('rolled back')
            return events
          }))
          if ('value' in outcome) ids.push(...idsOf(outcome.value))
        }
        return ids
      }))
      isWriting = false
      await Promise.all(following)
      for (const follower of followers) {
        assert.deepEqual(idsOf(follower.events).toSorted(), written.flat().toSorted())
      }
    },
  },
]
