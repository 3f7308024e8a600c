/**
 * The journal as a source of work for a runner: pull is a page of each part, settle is progress.
 *
 * A batch is one page of one part, or the events of held streams whose time has come. Pages follow each other without
 * waiting for answers; the runner starts no event of a stream before the one before it was delivered, in whichever
 * batch that is. What an answer means for its part is in publisher-part.ts.
 *
 * An answer is remembered at once and saved with others (part-saver.ts). The last answers of a batch wait for their
 * save, so whoever sees them all knows that it is stored. Those to what was given back wait for nothing, because the
 * runner refuses the events of a stream until it has them.
 */
import { systemClock } from '../core/environment.js'
import { isWaybillError, WaybillError, type WaybillErrorCode } from '../core/errors.js'
import type { ScopeId } from '../core/scope.js'
import type { Answer, Outcome, Source } from '../runner/source.js'
import type { JournalFilter, JournalStore, PartRead } from './contract.js'
import type { JournalEvent } from './event.js'
import { hasFollowedTag, mayFollow } from './follow.js'
import { OffsetProgress } from './offset-progress.js'
import type { OffsetStore } from './offset-store.js'
import { PartSaver } from './part-saver.js'
import type { PublisherPart } from './progress.js'
import {
  HeldBatch, judge, PageBatch, type HeldEvents, type Judge, type PublisherBatch, type PublisherItem,
} from './publisher-batch.js'
import type { PublisherSettings } from './publisher-options.js'
import type { Hold } from './publisher-part.js'
import { WorkingParts, type Progress } from './working-parts.js'

export interface PublisherSourcePorts {
  readonly journal: JournalStore
  readonly progress: Progress
  /** In place of it. */
  readonly offsets: OffsetStore | undefined
  readonly settings: PublisherSettings
  readonly scope: ScopeId | undefined
  readonly now: () => number
  /** The publisher cannot go on. */
  readonly onFatal: (error: WaybillError) => void
}

/** How far behind a publisher is, as this process sees it. */
export interface PublisherLag {
  /** Events that are committed and not published, counted up to 1,000 in each part. */
  readonly events: number
  /** There are more. */
  readonly hasMore: boolean
  /** How long ago the first of them was appended, by this machine's clock; 0 when there is none. */
  readonly oldestMs: number
  /** Streams that wait for an event that failed, or was given back untried. */
  readonly heldStreams: number
}

/** After these, looking again cannot help. */
const FATAL: ReadonlySet<WaybillErrorCode> = new Set([
  'CONFIG_INVALID', 'CORRUPT', 'EPOCH_CHANGED', 'PUBLISHER_MISMATCH', 'STALE_OWNER', 'VALIDATION',
])

/** Held streams that are tried in one pull, and events of one of them. */
const HELD_STREAMS = 20
const HELD_EVENTS = 100
/** Pages without anything to deliver that are read in one pull. */
const EMPTY_PAGES = 20

export class PublisherSource implements Source<PublisherBatch, PublisherItem> {
  readonly chainsAwaitAnswers = false
  readonly parts: WorkingParts
  readonly filter: JournalFilter
  readonly #ports: PublisherSourcePorts
  readonly #saver: PartSaver
  readonly #judge: Judge
  readonly #isFollowed: (event: JournalEvent) => boolean
  /** Read with the page of another part. */
  #queued: PageBatch[] = []
  #wasBusy = false

  constructor(ports: PublisherSourcePorts) {
    const { settings, scope, now } = ports
    this.filter = { tags: settings.follow.tags, streams: settings.follow.streams, scope }
    const progress = this.#progress(ports)
    this.#ports = { ...ports, progress }
    this.#isFollowed = ({ stream }) => mayFollow(settings.follow, stream)
    this.#judge = judge(settings, (event, error) => ports.onFatal(gaveUp(settings.name, event, error)))
    this.#saver = new PartSaver({ progress, settings, now, onStale: (part) => this.parts.lose(part) })
    this.parts = new WorkingParts({
      progress, settings, now, followText: settings.follow.text,
      start: () => this.#start(),
      hasEvents: (parts) => this.#hasEvents(parts),
      save: (part) => this.#saver.save(part, true),
    })
  }

  /** @throws what no later look can mend. A store that cannot be reached is no reason not to start. */
  async begin(): Promise<void> {
    await this.parts.arrange(true).catch((error: unknown) => {
      if (isWaybillError(error) && FATAL.has(error.code)) throw error
    })
  }

  async pull(limit: number, signal: AbortSignal): Promise<PublisherBatch | null> {
    const batch = this.#nextQueued() ?? await this.#fatally(() => this.#read(limit, signal))
    if (batch === null) return null
    this.#wasBusy = true
    // A renewal within the last third of a lease is not repeated, so only the rest of it is sure.
    batch.leaseMs = Math.max(1, Math.min(this.parts.leaseLeftMs(), this.#ports.settings.leaseMs * 2 / 3))
    return batch
  }

  async settle(batch: PublisherBatch, outcomes: readonly Outcome[]): Promise<readonly Answer[]> {
    const { part } = batch
    if (!part.isLost) {
      const now = this.#ports.now()
      const answers = outcomes.map((outcome) => batch.settle(outcome, now))
      const isTold = outcomes.some(({ kind }) => kind !== 'release')
      if (batch.isDone && isTold) await this.#fatally(() => this.#saver.due(part))
      else this.#saver.soon(part)
      if (!part.isLost) return answers
    }
    return outcomes.map(() => 'lost_claim')
  }

  async extend(batch: PublisherBatch): Promise<boolean> {
    const { parts } = this
    await parts.renew()
    if (parts.isTrusted(batch.part)) return true
    // The runner will not tell what becomes of it, so it is read anew, from what is stored.
    parts.lose(batch.part)
    return false
  }

  /** From now on outcomes are saved at once. */
  hurry(): void {
    this.#saver.hurry()
  }

  /** Saves what is to be saved and gives everything back, also what waited here and what the runner left behind. */
  async close(): Promise<void> {
    this.hurry()
    for (const part of this.parts.all) part.abandon()
    await Promise.all(this.parts.all.map((part) => this.#saver.save(part, true)))
    await this.parts.leave()
  }

  async lag(): Promise<PublisherLag> {
    const parts = this.parts.all
    const heldStreams = parts.reduce((sum, { holds }) => sum + holds.size, 0)
    if (parts.length === 0) return { events: 0, hasMore: false, oldestMs: 0, heldStreams }
    const pages = await this.#ports.journal.readPages({
      ...this.filter, limit: 1_000, parts: parts.map(({ reached, slots }) => ({ cursor: reached, slots })),
    })
    const waiting = pages.flatMap(({ events }) => events.filter(this.#isFollowed))
    const oldest = waiting.reduce((time, { createdAt }) => Math.min(time, createdAt), Infinity)
    return {
      events: waiting.length, hasMore: pages.some(({ hasMore }) => hasMore), heldStreams,
      oldestMs: oldest === Infinity ? 0 : Math.max(0, systemClock() - oldest),
    }
  }

  #progress({ progress, offsets, journal, settings: { follow } }: PublisherSourcePorts): Progress {
    if (offsets === undefined) return progress
    return new OffsetProgress({ store: offsets, journal, filter: this.filter, follow })
  }

  async #fatally<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isWaybillError(error) && FATAL.has(error.code)) this.#ports.onFatal(error)
      throw error
    }
  }

  #nextQueued(): PublisherBatch | null {
    for (let batch = this.#queued.shift(); batch !== undefined; batch = this.#queued.shift()) {
      // It waited: of its streams some may have failed meanwhile, and their chains are forgotten by now.
      if (this.parts.isTrusted(batch.part)) {
        if (batch.isStillDue(this.#ports.now())) return batch
        continue
      }
      // Its events were taken in but nobody has them.
      for (const { id } of batch.items) batch.settle({ id, kind: 'release' }, this.#ports.now())
    }
    return null
  }

  async #read(limit: number, signal: AbortSignal): Promise<PublisherBatch | null> {
    await this.parts.arrange(this.#wasBusy)
    this.#wasBusy = false
    for (let pages = 0; pages < EMPTY_PAGES && !signal.aborted; pages += 1) {
      const held = await this.#dueHolds()
      if (held !== null) return held
      const hasMore = await this.#readPages(limit)
      const batch = this.#nextQueued()
      if (batch !== null || !hasMore) return batch
    }
    return null
  }

  /** Queues a batch for each part that has something to deliver, and answers whether there may be more. */
  async #readPages(limit: number): Promise<boolean> {
    const { journal, settings } = this.#ports
    const parts = this.parts.all.filter((part) => (
      part.shedding === 0n && part.holds.size < settings.maxHeldStreams && !part.hasReturned))
    if (parts.length === 0) return false
    const reads = parts.map(({ cursor, slots }): PartRead => ({ cursor, slots }))
    const pages = await journal.readPages({ ...this.filter, parts: reads, limit })
    if (pages.some(({ events }) => events.length > 0)) await this.parts.hold()
    pages.forEach((page, n) => {
      const part = parts[n]
      // What was read with another cursor, or for somebody else, is read again.
      if (part === undefined || part.isLost || part.hasReturned || part.cursor !== reads[n]?.cursor) return
      const batch = new PageBatch(part, page, this.#isFollowed, this.#judge)
      if (batch.items.length > 0) this.#queued.push(batch)
    })
    return pages.some(({ hasMore }) => hasMore)
  }

  async #dueHolds(): Promise<PublisherBatch | null> {
    const now = this.#ports.now()
    for (const part of this.parts.all) {
      if (part.shedding !== 0n) continue
      const due = [...part.holds.values()].filter(({ busy, dueAt }) => !busy && dueAt <= now)
      if (due.length === 0) continue
      await this.parts.hold()
      if (part.isLost) continue
      const streams: HeldEvents[] = []
      for (const hold of due.slice(0, HELD_STREAMS)) streams.push(await this.#readHeld(hold))
      const batch = new HeldBatch(part, streams, this.#judge)
      if (batch.items.length > 0) return batch
      batch.close(now)
    }
    return null
  }

  async #readHeld(hold: Hold): Promise<HeldEvents> {
    const { scope, stream, from, to } = hold
    const all = await this.#ports.journal.read({ scope, stream, from, to, deleted: true, limit: HELD_EVENTS })
    // Of what retention has removed nothing is left to deliver.
    const readTo = all.length < HELD_EVENTS ? to : all.at(-1)?.sequence ?? to
    return { hold, readTo, events: all.filter((event) => hasFollowedTag(this.#ports.settings.follow, event)) }
  }

  async #hasEvents(parts: readonly PublisherPart[]): Promise<boolean> {
    const { journal, progress, settings } = this.#ports
    const reads = parts.map(({ cursor, slots }): PartRead => ({ cursor, slots }))
    const pages = await journal.readPages({ ...this.filter, parts: reads, limit: 100 })
    if (pages.some(({ events }) => events.some((event) => this.#isFollowed(event)))) return true
    const slots = parts.reduce((mask, part) => mask | part.slots, 0n)
    const [first] = await progress.holds({ publisher: settings.name, slots, limit: 1 })
    return first !== undefined && first.retryInMs === 0
  }

  async #start(): Promise<string | undefined> {
    const { journal, settings: { start } } = this.#ports
    if (start === 'earliest') return undefined
    return start === 'head' ? journal.head(this.filter) : start.cursor
  }
}

function gaveUp(name: string, { id, stream, sequence }: JournalEvent, error: string): WaybillError {
  return new WaybillError('DELIVERY_FAILED', `publisher '${name}' stopped at an event it cannot publish: ${error}`, {
    details: { publisher: name, id, stream, sequence: String(sequence) },
  })
}
