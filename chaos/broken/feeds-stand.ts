/**
 * A stand for one small run of a feed in one process: producers and subscribers are driven step by step, the store's
 * clock moves only when told to, and the same checker judges as in the large runs.
 */
import {
  createWaybill, type CheckpointStore, type FeedStore, type GapReport, type Result, type ResultContext,
  type ResultSubscriberOptions, type Store,
} from 'waybill'
import { sqlite } from 'waybill/sqlite'
import { TestClock } from 'waybill/testkit'
import { changeDraft, readChanges, rowsOf } from '../feeds/drafts.js'
import { digestOfChanges, digestOfRows } from '../feeds/history/digest.js'
import type { RowChange, RunEvent, SeenResult } from '../feeds/history/events.js'
import { FollowingChecker } from '../feeds/history/following-checker.js'
import type { Verdict } from '../feeds/history/verdict.js'
import { placesOf, recordingCheckpoints } from '../feeds/recording-checkpoints.js'
import { recordingFeeds } from '../feeds/recording-feeds.js'
import { now } from '../history/journal.js'
import { KillPoints } from '../processes/kill-points.js'
import type { StandPlace, StandWaybill } from './stand.js'

export const FEED = 'broken'
export const SUBSCRIBER = 'subscriber'
export const CAPACITY = 3
export const LEASE_MS = 60_000
/** Longer than all that the clock is moved. */
const RECOVERY_MS = 3_600_000
const START = 1_700_000_000_000
const ROUNDS = 4

/** A subscriber that begins with the rows gets them again when results are gone; another goes on without them. */
export type Manner = 'rows' | 'results'

export class FeedsStand {
  readonly store: Store
  readonly feeds: FeedStore
  readonly checkpoints: CheckpointStore
  readonly clock = new TestClock(START)
  readonly manner: Manner
  /** What the receiver does with an attempt. */
  fails: (result: string, attempt: number) => boolean = () => false
  readonly #events: RunEvent[] = []
  /** The application's own rows. */
  readonly #own = new Map<string, string>()
  readonly #waybill: StandWaybill
  #subscribers = 0

  private constructor(place: StandPlace, manner: Manner) {
    if (!('path' in place)) throw new Error('this is for SQLite')
    this.store = sqlite({ ...place, now: this.clock.now })
    this.feeds = this.store.feeds as FeedStore
    this.checkpoints = this.store.checkpoints as CheckpointStore
    this.manner = manner
    this.#waybill = createWaybill({ store: this.store })
  }

  static async open(place: StandPlace, manner: Manner): Promise<FeedsStand> {
    const stand = new FeedsStand(place, manner)
    await stand.#waybill.migrate()
    return stand
  }

  /** A transaction of one result for each list of changes. It is rolled back after `andThen` has thrown. */
  async produce(
    tx: string, results: readonly (readonly RowChange[])[], feeds = this.feeds, andThen?: () => void,
  ): Promise<void> {
    const waybill = createWaybill({ store: { ...this.store, feeds } })
    this.#write({ kind: 'begin', at: this.now(), tx })
    try {
      await waybill.transaction((handle) => this.write(tx, results, feeds, handle).then(andThen))
    } catch {
      return this.#write({ kind: 'aborted', at: this.now(), tx })
    }
    this.#committed(tx)
    for (const changes of results) this.#apply(changes)
  }

  /** Commits to the feed, in this transaction or in one of its own, and writes down what came of it. */
  async write(
    tx: string, results: readonly (readonly RowChange[])[], feeds = this.feeds, handle?: unknown,
  ): Promise<void> {
    let incarnation = ''
    const recording = recordingFeeds(feeds, { committed: (state) => { incarnation = state.incarnation } })
    const waybill = createWaybill({ store: { ...this.store, feeds: recording } })
    const feed = waybill.feed(FEED, { capacity: CAPACITY })
    for (const [number, changes] of results.entries()) {
      const result = `${tx}/${number}`
      const drafts = changes.map((change) => changeDraft(result, change))
      const { sequence } = await (handle === undefined ? feed.commitAlone(drafts) : feed.commit(handle, drafts))
      this.#write({
        kind: 'wrote', at: this.now(), tx, feed: FEED, incarnation,
        results: [{ result, changes, digest: digestOfChanges(changes), sequence: Number(sequence) }],
      })
    }
  }

  /** The feed begins anew, with nothing in it. */
  async reset(tx: string, feeds = this.feeds): Promise<void> {
    const waybill = createWaybill({ store: { ...this.store, feeds } })
    this.#write({ kind: 'begin', at: this.now(), tx })
    const { incarnation } = await waybill.transaction((handle) => (
      waybill.feed(FEED, { capacity: CAPACITY }).reset(handle)))
    this.#write({ kind: 'began', at: this.now(), tx, feed: FEED, incarnation, rows: [] })
    this.#committed(tx)
    this.#own.clear()
  }

  begin(tx: string): void {
    this.#write({ kind: 'begin', at: this.now(), tx })
  }

  aborted(tx: string): void {
    this.#write({ kind: 'aborted', at: this.now(), tx })
  }

  /** The receiver. @throws what a handler should. */
  receive(results: readonly Result[], { attempt, term }: Pick<ResultContext, 'attempt' | 'term'>): void {
    const seen = results.map(({ sequence, changes: all }): SeenResult => {
      const { result, changes } = readChanges(all)
      return [Number(sequence), result, digestOfChanges(changes)]
    })
    const accepted = !seen.some(([, result]) => this.fails(result, attempt))
    const at = this.now()
    this.#write({
      kind: 'received', at, accepted, subscriber: SUBSCRIBER, feed: FEED, term: Number(term), begunAt: at,
      results: seen,
    })
    if (!accepted) throw new Error('not now')
  }

  /** What it takes and saves is written down. */
  recording(owner: string, checkpoints = this.checkpoints): CheckpointStore {
    return recordingCheckpoints(checkpoints, owner, {
      journal: { write: (event) => this.#write(event) }, points: new KillPoints(), now: () => this.now(),
    })
  }

  /** One that takes what is there and stops in order. */
  async follow(parts: {
    readonly feeds?: FeedStore; readonly checkpoints?: CheckpointStore
    readonly onResult?: (result: Result, context: ResultContext) => unknown
  } = {}): Promise<void> {
    const { feeds = this.feeds, onResult = (result, context) => this.receive([result], context) } = parts
    this.clock.advance(LEASE_MS)
    this.#subscribers += 1
    const owner = `subscriber ${this.#subscribers}`
    const checkpoints = this.recording(owner, parts.checkpoints)
    const waybill = createWaybill({ store: { ...this.store, feeds, checkpoints } })
    const subscriber = waybill.subscriber({
      ...this.#options(owner), feeds: [waybill.feed(FEED, { capacity: CAPACITY })], onResult,
      onGap: (report) => this.#told(report),
    })
    for (let round = 0; round < ROUNDS; round += 1) await subscriber.drain()
    await subscriber.stop()
  }

  async finish(): Promise<Verdict> {
    const checker = new FollowingChecker({
      recoveryMs: RECOVERY_MS, leaseMs: LEASE_MS, capacities: { [FEED]: CAPACITY },
      subscribers: { [SUBSCRIBER]: { feeds: [FEED], fromSnapshot: this.manner === 'rows' } },
    })
    for (const event of this.#events.toSorted((a, b) => a.at - b.at)) checker.push(event)
    await this.#writeFeed((event) => checker.push(event))
    for (const { subscriber, checkpoints } of await this.checkpoints.list({ after: '', limit: 10 })) {
      for (const place of placesOf(checkpoints)) {
        checker.push({ kind: 'checkpoint', at: this.now(), subscriber, ...place })
      }
    }
    checker.push({ kind: 'end', at: this.now() })
    return checker.finish()
  }

  /** As far on as the store's clock is. */
  now(): number {
    return now() + this.clock.now() - START
  }

  async close(): Promise<void> {
    await this.#waybill.close()
  }

  #options(consumer: string): Omit<ResultSubscriberOptions, 'feeds' | 'onResult'> {
    const common = { id: SUBSCRIBER, consumer, leaseMs: LEASE_MS, saveEveryMs: 0, retry: { baseMs: 0, maxMs: 0 } }
    return this.manner === 'results' ? { ...common, start: 'earliest', recovery: 'auto_skip_gap' } : {
      ...common, start: 'snapshot', recovery: 'auto_reset',
      onSnapshot: async (snapshot, { term }) => {
        const rows = await rowsOf(snapshot)
        const { incarnation, sequence } = snapshot
        const at = this.now()
        this.#write({
          kind: 'received', at, accepted: true, subscriber: SUBSCRIBER, feed: FEED, term: Number(term), begunAt: at,
          snapshot: { incarnation, sequence: Number(sequence), digest: digestOfRows(rows) },
        })
      },
    }
  }

  #told({ reason, action, requested, earliest, latest, lost }: GapReport): void {
    const { incarnation = '' } = this.#events
      .findLast((event) => event.kind === 'wrote' || event.kind === 'began') ?? {}
    this.#write({
      kind: 'gap', at: this.now(), subscriber: SUBSCRIBER, feed: FEED, incarnation, reason, action,
      requested: Number(requested), earliest: Number(earliest), latest: Number(latest),
      lost: lost === undefined ? undefined : [Number(lost.from), Number(lost.to)],
    })
  }

  async #writeFeed(write: (event: RunEvent) => void): Promise<void> {
    const feed = this.#waybill.feed(FEED, { capacity: CAPACITY })
    const snapshot = await feed.snapshot()
    if (snapshot === undefined) return
    const rows = await rowsOf(snapshot)
    const { first = 1n } = await this.feeds.state(FEED) ?? {}
    const page = await feed.after(first - 1n)
    const log = page.kind !== 'results' ? [] : page.results.map(({ sequence, changes: all }): SeenResult => {
      const { result, changes } = readChanges(all)
      return [Number(sequence), result, digestOfChanges(changes)]
    })
    write({
      kind: 'feed', at: this.now(), feed: FEED, incarnation: snapshot.incarnation, sequence: Number(snapshot.sequence),
      rows: digestOfRows(rows), own: digestOfRows(this.#own), log,
    })
  }

  #committed(tx: string): void {
    this.#write({ kind: 'committed', at: this.now(), tx })
    this.#write({ kind: 'order', at: this.now(), tx })
  }

  #apply(changes: readonly RowChange[]): void {
    for (const [key, value] of changes) {
      if (value === null) this.#own.delete(key)
      else this.#own.set(key, value)
    }
  }

  #write(event: RunEvent): void {
    this.#events.push(event)
  }
}
