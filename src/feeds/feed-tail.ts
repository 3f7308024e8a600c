/**
 * The newest results of a feed, read once for all who follow it here.
 *
 *     store ── one poll ──► tail (the last results, as text) ─┬─► stream · at 43
 *                                                             └─► stream · at 41
 *
 * A stream at a place that the tail covers takes from it; one that is further behind reads the store itself, as far
 * back as the log goes, and comes to the tail in time. So any number of streams that wait cost one query a look, and
 * what they hold together is bounded.
 *
 * Concurrency: `version` grows after what it tells of can be read. A stream takes the version first, then reads, and
 * waits only for a later version: what comes between is seen or waited for, never missed. The tail may be behind a
 * stream, whose snapshot was later; then it has nothing for it, and tells of more when it has caught up.
 */
import { Gate } from '../runner/gate.js'
import { Poll } from '../runner/wake.js'
import type { FeedPosition } from './http-request.js'
import type { FeedReader } from './feed-reader.js'
import type { Result } from './result.js'

export interface TailOptions {
  readonly pollMaxMs: number
  /** Calls back when there may be news, until the returned function is called. A hint. */
  readonly onNews: (listener: () => void) => () => void
  readonly encode: (incarnation: string, result: Result) => string
  /** The store failed, or a result could not be encoded. The tail goes on looking. */
  readonly onError: (error: unknown) => void
}

export interface TailEvent {
  readonly sequence: bigint
  readonly text: string
}

/** Of one look, and of a stream's own reads. A result has at most 64 MiB, most have less than one KiB. */
export const READ_LIMIT = 100
const MAX_KEPT = 1_000
const MAX_KEPT_LENGTH = 1_048_576

export class FeedTail {
  readonly #feed: FeedReader
  readonly #options: TailOptions
  readonly #poll: Poll
  readonly #gate = new Gate()
  #followers = 0
  #running: Promise<void> | undefined
  #version = 0
  #place: FeedPosition | undefined
  #kept: TailEvent[] = []
  #keptLength = 0

  constructor(feed: FeedReader, options: TailOptions) {
    this.#feed = feed
    this.#options = options
    this.#poll = new Poll(options.pollMaxMs)
  }

  get version(): number {
    return this.#version
  }

  /** Looks at the feed until the returned function is called, which may be done again. */
  follow(): () => void {
    this.#followers += 1
    this.#running ??= this.#run()
    let isFollowing = true
    return () => {
      if (!isFollowing) return
      isFollowing = false
      this.#followers -= 1
      if (this.#followers === 0) this.#poll.wake()
    }
  }

  /** What is behind a place, at most `READ_LIMIT`; undefined when only the store can tell. */
  after({ incarnation, sequence }: FeedPosition): readonly TailEvent[] | undefined {
    if (this.#place?.incarnation !== incarnation) return undefined
    if (sequence === this.#place.sequence) return []
    const first = this.#kept[0]
    if (first === undefined || sequence > this.#place.sequence || sequence + 1n < first.sequence) return undefined
    const at = Number(sequence + 1n - first.sequence)
    return this.#kept.slice(at, at + READ_LIMIT)
  }

  /** Resolves when the version is later than this one, or the signal aborts. */
  async changed(version: number, signal: AbortSignal): Promise<void> {
    const check = (): void => this.#gate.check()
    signal.addEventListener('abort', check, { once: true })
    try {
      await this.#gate.until(() => this.#version > version || signal.aborted)
    } finally {
      signal.removeEventListener('abort', check)
    }
  }

  /** Resolves when nobody follows and the last look is over. */
  async ended(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    const unsubscribe = this.#options.onNews(() => this.#poll.tell())
    while (this.#followers > 0) {
      this.#poll.beforePull()
      try {
        if (await this.#look()) {
          this.#poll.wasBusy()
          this.#version += 1
          this.#gate.check()
          continue
        }
      } catch (error) {
        this.#options.onError(error)
      }
      // Whoever left meanwhile has woken a wait that had not begun.
      if (this.#followers > 0) await this.#poll.wait()
    }
    unsubscribe()
    this.#forget()
    this.#running = undefined
  }

  /** True when something is otherwise than at the look before. */
  async #look(): Promise<boolean> {
    if (this.#place === undefined) {
      const state = await this.#feed.state()
      if (state === undefined) return false
      this.#place = { incarnation: state.incarnation, sequence: state.sequence }
      return true
    }
    const { incarnation, sequence } = this.#place
    const page = await this.#feed.after(sequence, { incarnation, limit: READ_LIMIT })
    if (page.kind !== 'results' || page.latest < sequence) {
      this.#forget()
      return true
    }
    try {
      for (const result of page.results) this.#keep(incarnation, result)
    } catch (error) {
      // Streams that come to this result fail by themselves; the others must not wait for ever.
      this.#options.onError(error)
      this.#forget()
    }
    return page.results.length > 0
  }

  #keep(incarnation: string, result: Result): void {
    const text = this.#options.encode(incarnation, result)
    this.#kept.push({ sequence: result.sequence, text })
    this.#keptLength += text.length
    this.#place = { incarnation, sequence: result.sequence }
    while (this.#kept.length > MAX_KEPT || this.#keptLength > MAX_KEPT_LENGTH) {
      this.#keptLength -= this.#kept.shift()?.text.length ?? 0
    }
  }

  #forget(): void {
    this.#place = undefined
    this.#kept = []
    this.#keptLength = 0
  }
}
