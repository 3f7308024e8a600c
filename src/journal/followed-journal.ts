/**
 * The events that a publisher follows, read beside it: where a time is, and how many come from a place on. Nothing is
 * written, and one page is held at a time, so it is as safe beside publishers at work as any other reader.
 */
import type { ScopeId } from '../core/scope.js'
import type { JournalFilter, JournalStore, StorePage } from './contract.js'
import type { StreamName } from './event.js'
import { hasFollowedTag, mayFollow, type FollowedEvents } from './follow.js'
import type { SlotMask } from './progress.js'

/** How long reading is told of, and when it ends before its end. */
export interface ReadingWatch {
  /** Ends the reading after the page under way. */
  readonly signal?: AbortSignal | undefined
  /** Called after each page, with how many events were read so far. */
  readonly onProgress?: ((read: number) => void) | undefined
}

/** A cursor; undefined is the place before the first event. */
export interface JournalPlace {
  readonly cursor: string | undefined
}

export interface EventCount {
  readonly events: number
  /** The reading was ended before: there are more. */
  readonly hasMore: boolean
}

const PAGE = 1_000

export class FollowedJournal {
  readonly #journal: JournalStore
  readonly #follow: FollowedEvents
  readonly #filter: JournalFilter
  readonly #watch: ReadingWatch
  #read = 0

  constructor(journal: JournalStore, follow: FollowedEvents, scope: ScopeId | undefined, watch: ReadingWatch = {}) {
    this.#journal = journal
    this.#follow = follow
    this.#filter = { tags: follow.tags, streams: follow.streams, scope }
    this.#watch = watch
  }

  get isEnded(): boolean {
    return this.#watch.signal?.aborted === true
  }

  async head(): Promise<JournalPlace> {
    return { cursor: await this.#journal.head(this.#filter) }
  }

  /** @throws VALIDATION when the cursor is none, or of something else that is followed; EPOCH_CHANGED. */
  async at(cursor: string): Promise<JournalPlace> {
    await this.#journal.readPages({ ...this.#filter, parts: [{ cursor, slots: undefined }], limit: 1 })
    return { cursor }
  }

  /** Before the first event that was appended at that time or later, or behind all; undefined when it was ended. */
  async since(time: number): Promise<JournalPlace | undefined> {
    let cursor: string | undefined
    for await (const page of this.#pages(undefined)) {
      const first = page.events.findIndex(({ createdAt }) => createdAt >= time)
      if (first === 0) return { cursor }
      if (first > 0) return { cursor: page.cursorAfter(first) }
      cursor = page.cursor
    }
    return this.isEnded ? undefined : { cursor }
  }

  /** Up to the end as it is when the reading comes there. */
  async countFrom({ cursor }: JournalPlace): Promise<EventCount> {
    let events = 0
    for await (const page of this.#pages(cursor)) {
      events += page.events.filter(({ stream }) => mayFollow(this.#follow, stream)).length
    }
    return { events, hasMore: this.isEnded }
  }

  /** The first event of the stream behind a cursor of its slot. Undefined when there is none, or it was ended. */
  async firstBehind(cursor: string | undefined, slots: SlotMask, name: StreamName): Promise<bigint | undefined> {
    for await (const { events } of this.#pages(cursor, slots)) {
      const found = events.find(({ scope, stream }) => stream === name.stream && scope === name.scope)
      if (found !== undefined) return found.sequence
    }
    return undefined
  }

  /** Of one stream, both ends included. Deleted events count: publishers get them too. */
  async countStream(name: StreamName, from: bigint, to: bigint): Promise<EventCount> {
    let events = 0
    for (let next = from; next <= to && !this.isEnded;) {
      const page = await this.#journal.read({ ...name, from: next, to, deleted: true, limit: PAGE })
      events += page.filter((event) => hasFollowedTag(this.#follow, event)).length
      this.#tell(page.length)
      const last = page.at(-1)
      if (page.length < PAGE || last === undefined) return { events, hasMore: false }
      next = last.sequence + 1n
    }
    return { events, hasMore: this.isEnded }
  }

  async *#pages(from: string | undefined, slots?: SlotMask): AsyncGenerator<StorePage> {
    let cursor = from
    while (!this.isEnded) {
      const [page] = await this.#journal.readPages({ ...this.#filter, parts: [{ cursor, slots }], limit: PAGE })
      if (page === undefined) return
      this.#tell(page.events.length)
      yield page
      if (!page.hasMore) return
      cursor = page.cursor
    }
  }

  #tell(count: number): void {
    this.#read += count
    this.#watch.onProgress?.(this.#read)
  }
}
