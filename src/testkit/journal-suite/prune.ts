/** `prune-*`: what everybody has passed is removed, and nothing else. */
import assert from 'node:assert/strict'
import type { JournalFilter, PruneRequest, PruneResult } from '../../journal/contract.js'
import { ALL_SLOTS } from '../../journal/progress.js'
import type { JournalCase } from './case.js'
import { idsOf, only, rejectsWith, sequencesOf, STREAM, upTo, type JournalContext } from './context.js'
import type { Follower } from './follower.js'

const ALL: JournalFilter = { tags: undefined, streams: undefined, scope: undefined }
const DAY_MS = 86_400_000

export const pruneCases: readonly JournalCase[] = [
  {
    id: 'prune-1', title: 'events are gone for every read, with their tags; numbers, places and keys stay',
    async run(context) {
      const [first] = (await context.appendWith({ idempotencyKey: 'k' }, { tags: ['red'] })).events
      await context.appendMany(4, { tags: ['red', 'blue'] })
      const kept = await context.appendMany(2, { tags: ['red'] })
      assert.deepEqual(await pruneTo(context, only(kept.slice(0, 1)).position - 1n),
        { removed: 5, remaining: 0, isBusy: false })
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [6, 7])
      assert.deepEqual(await context.follower({ wholeStreams: false }).poll(), idsOf(kept))
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), idsOf(kept))
      assert.deepEqual(await context.follower({ tag: 'blue' }).poll(), [])
      assert.equal(await context.journal.get(first?.id ?? ''), undefined)
      const [summary] = await context.journal.streams()
      assert.deepEqual([summary?.highestSequence, summary?.deletedTo], [7n, 0n])
      const again = await context.appendWith({ idempotencyKey: 'k' }, { tags: ['red'] })
      assert.deepEqual([again.created, idsOf(again.events)], [false, [first?.id]])
      assert.deepEqual(sequencesOf(await context.append({})), [8])
    },
  },
  {
    id: 'prune-2', title: 'only what is old enough by the clock of the store is found to be so',
    async run(context) {
      assert.equal((await context.store.aged(0)).upTo, 0n)
      const old: bigint[] = []
      for (let day = 0; day < 6; day += 1) {
        old.push(...(await context.append({}, {})).map(({ position }) => position))
        context.clock.advance(DAY_MS)
      }
      const aged = async (days: number): Promise<bigint> => (await context.store.aged(days * DAY_MS)).upTo
      assert.deepEqual([await aged(0), await aged(1), await aged(3), await aged(6), await aged(7)],
        [old[11], old[11], old[7], old[1], 0n])
      await context.store.prune(request({ ...await context.store.aged(3 * DAY_MS) }))
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM)), [9, 10, 11, 12])
      assert.deepEqual([await aged(3), await aged(2)], [0n, old[9]])
    },
  },
  {
    id: 'prune-3', title: 'a follower in the middle: all at or below its low water was given to it, the rest still is',
    async run(context) {
      const places = await context.appendMany(30)
      const follower = context.follower({ limit: 7 })
      await follower.page()
      await follower.page()
      const low = await context.store.passed(follower.cursor ?? '', ALL)
      assert.ok(low <= (places[13]?.position ?? 0n), 'passed more than was given')
      await pruneTo(context, low)
      assert.deepEqual(await follower.poll(), idsOf(places.slice(14)))
      const end = await settled(context, follower)
      assert.equal(end, places[29]?.position)
      assert.equal((await pruneTo(context, end)).remaining, 0)
      assert.deepEqual(await context.journal.read(STREAM), [])
      assert.deepEqual(await follower.poll(), [])
      const next = await context.append({})
      assert.deepEqual([await follower.poll(), sequencesOf(next)], [idsOf(next), [31]])
    },
  },
  {
    id: 'prune-4', title: 'an open transaction with a low position: it holds the low water, survives, and is followed',
    concurrent: true,
    async run(context) {
      const follower = context.follower()
      const late = await context.begin()
      const early = await context.appendIn(late, { stream: 'late', tags: ['red'] })
      const rest = await context.appendMany(3)
      assert.deepEqual(await follower.poll(), idsOf(rest))
      const low = await context.store.passed(follower.cursor ?? '', ALL)
      assert.ok(low < only(early).position, 'passed what may still come')
      const aged = await context.store.aged(0)
      // What is committed by then goes, whoever asks for how much; this is not.
      const first = await context.store.prune(request(aged))
      assert.ok(first.removed === 3 || first.isBusy, JSON.stringify(first))
      await late.commit()
      const second = await context.store.prune(request(aged))
      assert.deepEqual([first.removed + second.removed, second.remaining], [3, 0])
      assert.deepEqual(await follower.poll(), idsOf(early))
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), idsOf(early))
    },
  },
  {
    id: 'prune-5', title: 'the low water of a part, of a tag, and of a cursor from the head; a bad cursor is refused',
    async run(context) {
      const places = await context.appendMany(5, { tags: ['red'] })
      const red = { ...ALL, tags: ['red'] }
      const { cursor } = only(await context.store.readPages({
        ...red, parts: [{ cursor: undefined, slots: ALL_SLOTS }], limit: 2 }))
      const low = await context.store.passed(cursor, red)
      assert.ok(low <= (places[1]?.position ?? 0n), 'passed more than was given')
      assert.ok(await context.store.passed(await context.journal.head(), ALL) <= (places[4]?.position ?? 0n))
      await rejectsWith('VALIDATION', () => context.store.passed(cursor, ALL))
      await rejectsWith('VALIDATION', () => context.store.passed('x', ALL))
    },
  },
  {
    id: 'prune-6', title: 'a cursor that is behind what is gone goes on with what is left',
    async run(context) {
      const places = await context.appendMany(20)
      const { cursor } = await context.journal.readAll({ limit: 3 })
      await pruneTo(context, places[11]?.position ?? 0n)
      assert.deepEqual(await context.follower({ cursor }).poll(), idsOf(places.slice(12)))
      assert.deepEqual(sequencesOf(await context.journal.read(STREAM, { from: 5, limit: 3 })), [13, 14, 15])
    },
  },
  {
    id: 'prune-7', title: 'while others append and follow, each gets every event, and all are gone at the end',
    async run(context) {
      const followers = [context.follower({ limit: 11 }), context.follower({ limit: 40 })]
      const written: string[] = []
      for (let round = 0; round < 8; round += 1) {
        const appends = Array.from({ length: 4 }, (_, n) => (
          context.append(...Array.from({ length: 9 }, () => ({ stream: `s${n}`, tags: ['red'] })))))
        await Promise.all(followers.map((follower) => follower.page()))
        const lows = await Promise.all(followers.map((follower) => context.store.passed(follower.cursor ?? '', ALL)))
        const [, ...places] = await Promise.all([pruneTo(context, lows.reduce((a, b) => (a < b ? a : b))), ...appends])
        written.push(...places.flatMap(idsOf))
      }
      for (const follower of followers) {
        await follower.poll()
        assert.deepEqual(idsOf(follower.events).toSorted(), written.toSorted())
      }
      await pruneAll(context)
      assert.deepEqual(await context.follower({ wholeStreams: false }).poll(), [])
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), [])
    },
  },
  {
    id: 'prune-8', title: 'deleted events go by the same rule, and stay deleted',
    async run(context) {
      const places = await context.appendMany(6)
      await context.journal.deleteTo(STREAM, 4)
      await pruneTo(context, places[1]?.position ?? 0n)
      assert.deepEqual(sequencesOf(await context.follower({ wholeStreams: false }).poll().then(() => (
        context.journal.read(STREAM)))), [5, 6])
      assert.equal((await context.journal.get(places[2]?.id ?? ''))?.sequence, 3n)
      assert.equal((await context.journal.streams())[0]?.deletedTo, 4n)
    },
  },
  {
    id: 'prune-9', title: 'two at once remove each event once',
    async run(context) {
      await context.append(...upTo(3_000).map((n) => ({ stream: `s${n % 7}`, tags: n % 3 === 0 ? ['red'] : [] })))
      const aged = await context.store.aged(0)
      const results = await Promise.all([1, 2, 3].map(() => context.store.prune(request(aged))))
      results.push(await context.store.prune(request(aged)))
      assert.equal(results.reduce((sum, { removed }) => sum + removed, 0), 3_000)
      assert.deepEqual(results[3]?.isBusy === true ? [] : [results[3]?.remaining], [0])
    },
  },
  {
    id: 'prune-10', title: 'stopped between two batches: what is left is whole, is counted, and goes next time',
    async run(context) {
      const places = await context.append(...upTo(7_000).map((n) => ({ stream: `s${n % 5}`, tags: ['red'] })))
      const aged = await context.store.aged(0)
      assert.deepEqual(await context.store.prune(request({ ...aged, dryRun: true })),
        { removed: 0, remaining: 7_000, isBusy: false })
      const stopper = new AbortController()
      const seen: number[] = []
      const first = await context.store.prune(request({
        upTo: (places[6_500]?.position ?? 0n), asOf: aged.asOf, signal: stopper.signal,
        onProgress: (removed) => {
          seen.push(removed)
          stopper.abort()
        },
      }))
      assert.deepEqual([seen, first.removed + first.remaining], [[first.removed], 6_501])
      const left = idsOf(places.slice(first.removed))
      assert.deepEqual(await context.follower({ wholeStreams: false }).poll(), left)
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), left)
      await pruneAll(context)
      assert.deepEqual(await context.follower({ tag: 'red' }).poll(), [])
    },
  },
]

function request(part: Partial<PruneRequest> & Pick<PruneRequest, 'upTo' | 'asOf'>): PruneRequest {
  return { dryRun: false, signal: undefined, onProgress: undefined, ...part }
}

async function pruneTo(context: JournalContext, position: bigint): Promise<PruneResult> {
  const { asOf } = await context.store.aged(0)
  return context.store.prune(request({ upTo: position, asOf }))
}

/** Until nobody is in the way. */
async function pruneAll(context: JournalContext): Promise<void> {
  const aged = await context.store.aged(0)
  while ((await context.store.prune(request(aged))).isBusy);
}

/**
 * The low water of a follower that has got everything. Transactions of strangers may hold it back: it reads on until
 * those that were open have ended.
 */
async function settled(context: JournalContext, follower: Follower): Promise<bigint> {
  const last = follower.events.at(-1)?.position ?? 0n
  for (;;) {
    const low = await context.store.passed(follower.cursor ?? '', ALL)
    if (low >= last) return low
    await follower.poll()
  }
}
