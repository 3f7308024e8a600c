/** A feed store whose answers are looked at on the way. */
import type { FeedState, FeedStore } from 'waybill'
import { now } from '../history/journal.js'

export interface FeedListener {
  /** What a commit answered, and when it was asked for. Where there are transactions it has not taken effect yet. */
  readonly committed?: ((state: FeedState, askedAt: number) => void) | undefined
  /** The state as somebody read it. */
  readonly read?: ((state: FeedState) => void) | undefined
  readonly paged?: (() => void) | undefined
}

export function recordingFeeds<Tx>(store: FeedStore<Tx>, listener: FeedListener): FeedStore<Tx> {
  return {
    ...forwardingFeeds(store),
    async commit(tx, commit) {
      const askedAt = now()
      const state = await store.commit(tx, commit)
      if (state !== undefined) listener.committed?.(state, askedAt)
      return state
    },
    async state(feed) {
      const state = await store.state(feed)
      if (state !== undefined) listener.read?.(state)
      return state
    },
    async page(request) {
      const page = await store.page(request)
      if (page !== undefined) listener.read?.(page.state)
      listener.paged?.()
      return page
    },
  }
}

/** The store as it is, as an object of functions. */
export function forwardingFeeds<Tx>(store: FeedStore<Tx>): FeedStore<Tx> {
  return {
    capabilities: store.capabilities,
    log: store.log,
    live: store.live,
    transaction: (work) => store.transaction(work),
    open: (tx, feed) => store.open(tx, feed),
    commit: (tx, commit) => store.commit(tx, commit),
    state: (feed) => store.state(feed),
    page: (request) => store.page(request),
    snapshot: (feed, pageSize) => store.snapshot(feed, pageSize),
    reset: (tx, feed) => store.reset(tx, feed),
    delete: (tx, feed) => store.delete(tx, feed),
    list: (request) => store.list(request),
    close: () => store.close(),
  }
}
