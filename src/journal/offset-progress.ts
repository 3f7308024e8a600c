/**
 * A publisher's progress in an offset store: the last published number of each stream, for one active process.
 *
 * There is one part, and it is this process's until somebody else loads the offsets; then the next save is refused and
 * the publisher stops. Between two saves the cursor and the held streams are kept here. At the start everything up to
 * the head of the journal is in streams that are behind, and those are held streams like any other: read from where
 * they are, while what comes new is followed from the head.
 */
import type { JournalFilter, JournalStore } from './contract.js'
import { mayFollow, type FollowedEvents } from './follow.js'
import { offsetKey, type OffsetStore } from './offset-store.js'
import { ALL_SLOTS, type HeldStream, type PublisherState, type TakeRequest } from './progress.js'
import { slotOf } from './slots.js'
import type { Progress, SaveOfParts } from './working-parts.js'

const STREAMS_PAGE = 1_000

export interface OffsetProgressPorts {
  readonly store: OffsetStore
  readonly journal: JournalStore
  readonly filter: JournalFilter
  readonly follow: FollowedEvents
}

export class OffsetProgress implements Progress {
  readonly #ports: OffsetProgressPorts
  readonly #offsets = new Map<string, bigint>()
  readonly #held = new Map<string, HeldStream>()
  #cursor: string | undefined
  #loading: Promise<void> | undefined

  constructor(ports: OffsetProgressPorts) {
    this.#ports = ports
  }

  /** What was saved, by `offsetKey`. */
  get offsets(): ReadonlyMap<string, bigint> {
    return this.#offsets
  }

  /** Nobody else can be seen at work. */
  async look(): Promise<undefined> {
    return undefined
  }

  async take({ publisher, owner, leaseMs, follow }: TakeRequest): Promise<PublisherState> {
    this.#loading ??= this.#load().catch((error: unknown) => {
      this.#loading = undefined
      throw error
    })
    await this.#loading
    const part = { part: 1, slots: ALL_SLOTS, cursor: this.#cursor, owner, term: 1n, leaseMs }
    return { publisher, follow, members: 1, parts: [part] }
  }

  async holds(): Promise<readonly HeldStream[]> {
    return [...this.#held.values()]
  }

  async save({ parts }: SaveOfParts): Promise<readonly boolean[]> {
    for (const { cursor, held, freed, published } of parts) {
      await this.#ports.store.save(published ?? new Map())
      for (const [key, offset] of published ?? []) this.#offsets.set(key, offset)
      for (const hold of held) this.#held.set(offsetKey(hold), hold)
      for (const stream of freed) this.#held.delete(offsetKey(stream))
      this.#cursor = cursor
    }
    return parts.map(() => true)
  }

  async give(): Promise<boolean> {
    return false
  }

  async join(): Promise<boolean> {
    return false
  }

  async leave(): Promise<void> {
    // The next process takes over by loading.
  }

  async #load(): Promise<void> {
    const { store, journal, filter } = this.#ports
    const offsets = await store.load()
    for (const [key, offset] of offsets) this.#offsets.set(key, offset)
    if (offsets.size === 0) return
    // Before the streams are listed: what is appended meanwhile comes twice, and is passed over the second time.
    const head = await journal.head(filter)
    await this.#holdLagging()
    this.#cursor = head
  }

  async #holdLagging(): Promise<void> {
    const { journal, filter, follow } = this.#ports
    for (let after; ;) {
      const page = await journal.streams({ scope: filter.scope, prefix: '', after, limit: STREAMS_PAGE })
      for (const { scope, stream, highestSequence } of page) {
        const key = offsetKey({ scope, stream })
        const last = this.#offsets.get(key) ?? 0n
        if (highestSequence <= last || !mayFollow(follow, stream)) continue
        this.#held.set(key, {
          scope, stream, slot: slotOf({ scope, stream }), from: last + 1n, to: highestSequence, attempts: 0,
          retryInMs: 0, error: '',
        })
      }
      after = page.at(-1)
      if (page.length < STREAMS_PAGE) return
    }
  }
}
