/** The feeds as producers commit to them, with where each result is, by what the store answered. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { createWaybill, type FeedStore, type Store } from 'waybill'
import type { DraftedResult } from './drafts.js'
import { digestOfChanges } from './history/digest.js'
import type { MeantResult, WrittenResult } from './history/events.js'
import { CAPACITIES, FEEDS } from './plan.js'
import { recordingFeeds } from './recording-feeds.js'

interface Answer {
  readonly incarnation: string
  /** When the store was asked to commit, which may be after a feed was made for it. */
  readonly askedAt: number
}

export interface PlacedResults extends Answer {
  readonly results: readonly WrittenResult[]
}

/** Of those that change something: the others are nothing to the feed. */
export function meantBy(drafted: readonly DraftedResult[]): MeantResult[] {
  return drafted.filter(({ changes }) => changes.length > 0)
    .map(({ result, changes }) => ({ result, changes, digest: digestOfChanges(changes) }))
}

/** `feedStore` is the store's own, or stands between. */
export function placedFeeds(store: Store, feedStore = store.feeds as FeedStore) {
  /** What the feed store answered to one commit. */
  const answers = new AsyncLocalStorage<Answer[]>()
  const waybill = createWaybill({ store: { ...store, feeds: recordingFeeds(feedStore, {
    committed: ({ incarnation }, askedAt) => void answers.getStore()?.push({ incarnation, askedAt }),
  }) } })
  const feeds = new Map(FEEDS.map((name) => [name, waybill.feed(name, { capacity: CAPACITIES[name] ?? 1 })]))
  const feedOf = (name: string) => {
    const feed = feeds.get(name)
    if (feed === undefined) throw new Error(`there is no feed ${name}`)
    return feed
  }
  return {
    waybill, feedOf,
    /** Undefined when none of them changes anything. */
    async commit(handle: unknown, name: string, drafted: readonly DraftedResult[]): Promise<PlacedResults | undefined> {
      const given: Answer[] = []
      const { advanced, sequence = 0n } = await answers.run(given, () => (
        feedOf(name).commitMany(handle as never, drafted.map(({ drafts }) => drafts))))
      const meant = meantBy(drafted)
      if (advanced !== meant.length > 0) throw new Error(`${name}: ${meant.length} results, advanced: ${advanced}`)
      const answer = given.at(-1)
      return answer && {
        ...answer,
        results: meant.map((each, index) => ({ ...each, sequence: Number(sequence) - meant.length + index + 1 })),
      }
    },
  }
}
