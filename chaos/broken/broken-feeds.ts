/** Feeds, checkpoint stores, subscribers and producers as they are written by mistake. */
import type { CheckpointStore, FeedState, FeedStore } from 'waybill'
import type { Rule } from '../feeds/history/verdict.js'
import { forwardingCheckpoints } from '../feeds/recording-checkpoints.js'
import { forwardingFeeds } from '../feeds/recording-feeds.js'
import { CAPACITY, FEED, LEASE_MS, SUBSCRIBER, type FeedsStand, type Manner } from './feeds-stand.js'

/** Something that is wrong on purpose, and the rule that must find it. */
export interface BrokenFeedCase {
  readonly name: string
  readonly rule: Rule
  readonly manner: Manner
  /** The same steps, once with what is wrong and once without; the second history must be valid. */
  run(stand: FeedsStand, isBroken: boolean): Promise<void>
}

const failsFirst = (_result: string, attempt: number): boolean => attempt === 1
/** One result that sets a row. */
const sets = (value: string) => [[['row', value] as const]]

/** A store that answers otherwise how far a feed is. */
function statingAs(store: FeedStore, change: (state: FeedState) => FeedState): FeedStore {
  return {
    ...forwardingFeeds(store),
    async state(feed) {
      const state = await store.state(feed)
      return state && change(state)
    },
    async page(request) {
      const page = await store.page(request)
      return page && { ...page, state: change(page.state) }
    },
  }
}

/** Written by hand: takes, reads one page, handles it, and dies at the first failure. */
async function followByHand(stand: FeedsStand, savesFirst: boolean): Promise<void> {
  stand.clock.advance(LEASE_MS)
  const checkpoints = stand.recording('by hand')
  const taken = await checkpoints.take({ subscriber: SUBSCRIBER, owner: 'by hand', leaseMs: LEASE_MS })
  const page = await stand.feeds.page({ feed: FEED, after: 0n, limit: 10 })
  if (taken === undefined || page === undefined) throw new Error('there is nothing to follow')
  const { term } = taken
  const { incarnation, configHash, sequence } = page.state
  const save = (): Promise<unknown> => checkpoints.save({
    subscriber: SUBSCRIBER, term, dead: [], checkpoints: [{ feed: FEED, sequence, incarnation, configHash }],
  })
  if (savesFirst) await save()
  try {
    stand.receive([{ sequence, createdAt: 0, changes: [{
      op: 'update', signature: 1n, before: undefined, after: { key: 'row', value: 'a', result: 'o1/0' },
    }] }], { attempt: 1, term })
    if (!savesFirst) await save()
  } catch {
    // It dies, and does nothing any more.
  }
}

const SAVES_BEFORE_HANDLING: BrokenFeedCase = {
  name: 'saves its checkpoint before it handles', rule: 'checkpoint', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    // Where it begins is stored.
    await stand.follow()
    await stand.produce('o1', sets('a'))
    stand.fails = failsFirst
    await followByHand(stand, isBroken)
    await stand.follow()
  },
}

const SWALLOWS_FAILURES: BrokenFeedCase = {
  name: 'takes a failed result for a handled one', rule: 'checkpoint', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.follow()
    await stand.produce('o1', sets('a'))
    stand.fails = failsFirst
    await stand.follow(isBroken ? {
      onResult: (result, context) => {
        try {
          stand.receive([result], context)
        } catch {
          // Nobody learns of it.
        }
      },
    } : {})
  },
}

const NOT_FENCED: BrokenFeedCase = {
  name: 'saves without looking at the term', rule: 'stale-save', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.produce('o1', sets('a'))
    // Whoever it is now: it is written all the same.
    const termless: CheckpointStore = {
      ...forwardingCheckpoints(stand.checkpoints),
      async save(request) {
        const [state] = await stand.checkpoints.list({ after: '', limit: 1 })
        return stand.checkpoints.save({ ...request, term: state?.term ?? 0n })
      },
    }
    const paused = stand.recording('paused', isBroken ? termless : stand.checkpoints)
    const taken = await paused.take({ subscriber: SUBSCRIBER, owner: 'paused', leaseMs: LEASE_MS })
    await stand.follow()
    const state = await stand.feeds.state(FEED)
    await paused.save({
      subscriber: SUBSCRIBER, term: taken?.term ?? 0n, dead: [],
      checkpoints: state === undefined ? [] : [{ ...state, sequence: 0n }],
    })
    await stand.follow({ onResult: () => undefined })
  },
}

const TWO_OWNERS: BrokenFeedCase = {
  name: 'gives the subscriber away while a lease holds', rule: 'two-owners', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.produce('o1', sets('a'))
    const generous: CheckpointStore = {
      ...forwardingCheckpoints(stand.checkpoints),
      async take(request) {
        const [state] = await stand.checkpoints.list({ after: '', limit: 1 })
        if (state !== undefined) await stand.checkpoints.release({ subscriber: SUBSCRIBER, term: state.term })
        return stand.checkpoints.take(request)
      },
    }
    const take = (owner: string, from?: CheckpointStore) => (
      stand.recording(owner, from).take({ subscriber: SUBSCRIBER, owner, leaseMs: LEASE_MS }))
    await take('first')
    await take('second', isBroken ? generous : undefined)
    await stand.follow()
  },
}

const FORGETS_TO_SAVE: BrokenFeedCase = {
  name: 'says that it has saved and has not', rule: 'duplicate', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.follow()
    await stand.produce('o1', sets('a'))
    const forgetful: CheckpointStore = {
      ...forwardingCheckpoints(stand.checkpoints), save: () => Promise.resolve(true),
    }
    await stand.follow(isBroken ? { checkpoints: forgetful } : {})
    await stand.follow()
  },
}

const READ_APART: BrokenFeedCase = {
  name: 'reads the sequence of a snapshot and its rows apart', rule: 'snapshot', manner: 'rows',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.produce('o1', sets('a'))
    const apart: FeedStore = {
      ...forwardingFeeds(stand.feeds),
      async snapshot(feed, pageSize) {
        const state = await stand.feeds.state(feed)
        // Somebody else's commit comes between the two reads.
        await stand.produce('o2', sets('b'))
        const read = await stand.feeds.snapshot(feed, pageSize)
        return read && { state: state ?? read.state, pages: read.pages, close: () => read.close() }
      },
    }
    if (!isBroken) await stand.produce('o2', sets('b'))
    await stand.follow({ feeds: isBroken ? apart : stand.feeds })
  },
}

async function overrun(stand: FeedsStand): Promise<void> {
  await stand.reset('o0')
  await stand.follow()
  for (let number = 1; number <= CAPACITY + 1; number += 1) await stand.produce(`o${number}`, sets(`v${number}`))
}

const GAP_NOT_SEEN: BrokenFeedCase = {
  name: 'thinks that the log reaches one further back than it does', rule: 'skipped', manner: 'results',
  async run(stand, isBroken) {
    await overrun(stand)
    const hopeful = statingAs(stand.feeds, (state) => ({ ...state, first: state.first > 1n ? state.first - 1n : 1n }))
    await stand.follow({ feeds: isBroken ? hopeful : stand.feeds })
  },
}

const SKIPS_TO_LATEST: BrokenFeedCase = {
  name: 'goes on behind the latest result, and gives up what is kept', rule: 'gap', manner: 'results',
  async run(stand, isBroken) {
    await overrun(stand)
    const hasty = statingAs(stand.feeds, (state) => ({ ...state, first: state.sequence + 1n }))
    await stand.follow({ feeds: isBroken ? hasty : stand.feeds })
  },
}

const KEEPS_INCARNATION: BrokenFeedCase = {
  name: 'begins anew under the incarnation that it had', rule: 'incarnation', manner: 'rows',
  async run(stand, isBroken) {
    await stand.reset('o0')
    await stand.produce('o1', sets('a'))
    await stand.follow()
    const same: FeedStore = {
      ...forwardingFeeds(stand.feeds),
      async reset(tx, feed) {
        const { incarnation = feed.incarnation } = await stand.feeds.open(tx, feed)
        return stand.feeds.reset(tx, { ...feed, incarnation })
      },
    }
    await stand.reset('o2', isBroken ? same : stand.feeds)
    await stand.produce('o3', sets('b'))
    await stand.follow()
  },
}

const ROWS_FORGOTTEN: BrokenFeedCase = {
  name: 'logs a result and does not change the rows', rule: 'rows', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    const forgetful: FeedStore = {
      ...forwardingFeeds(stand.feeds), commit: (tx, commit) => stand.feeds.commit(tx, { ...commit, mutations: [] }),
    }
    await stand.produce('o1', sets('a'), isBroken ? forgetful : stand.feeds)
    await stand.follow()
  },
}

/** As any bug or refusal would be. */
class ChangedMind extends Error {}

const COMMITS_OUTSIDE: BrokenFeedCase = {
  name: 'commits to the feed outside the transaction, which is rolled back', rule: 'phantom', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    if (isBroken) {
      stand.begin('o1')
      await stand.write('o1', sets('a'))
      stand.aborted('o1')
    } else {
      await stand.produce('o1', sets('a'), stand.feeds, () => { throw new ChangedMind() })
    }
    await stand.follow()
  },
}

const COMMITS_AGAIN: BrokenFeedCase = {
  name: 'commits again what was answered too late', rule: 'hole', manner: 'results',
  async run(stand, isBroken) {
    await stand.reset('o0')
    const impatient: FeedStore = {
      ...forwardingFeeds(stand.feeds),
      async commit(tx, commit) {
        await stand.feeds.commit(tx, commit)
        return stand.feeds.commit(tx, commit)
      },
    }
    await stand.produce('o1', sets('a'), isBroken ? impatient : stand.feeds)
    await stand.follow()
  },
}

export const BROKEN_FEEDS: readonly BrokenFeedCase[] = [
  SAVES_BEFORE_HANDLING, SWALLOWS_FAILURES, NOT_FENCED, TWO_OWNERS, FORGETS_TO_SAVE, READ_APART, GAP_NOT_SEEN,
  SKIPS_TO_LATEST, KEEPS_INCARNATION, ROWS_FORGOTTEN, COMMITS_OUTSIDE, COMMITS_AGAIN,
]
