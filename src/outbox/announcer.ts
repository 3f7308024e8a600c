/**
 * Tells runners that something was committed: at once in this process, and in others through the store,
 * coalesced, so that a busy writer costs one notification per interval and not one per commit (measured on
 * PostgreSQL: a notification in every transaction leaves 0.60 of the commits, a coalesced one 0.90). All of it
 * is a hint: what fails here changes nothing but latency.
 */
import { pause } from '../core/environment.js'
import type { WakeHub } from '../runner/wake.js'

const NOTIFY_EVERY_MS = 5
/** More topics than this in one interval are told as "anything". */
const MAX_TOPICS = 32

export class Announcer {
  readonly #hub: WakeHub
  readonly #notify: ((topic: string) => Promise<void>) | undefined
  readonly #waiting = new Set<string>()
  /** What was enqueued in transactions that are still open, for those that we commit ourselves. */
  readonly #enqueued = new WeakMap<object, Set<string>>()
  #telling: Promise<void> | undefined

  constructor(hub: WakeHub, notify: ((topic: string) => Promise<void>) | undefined) {
    this.#hub = hub
    this.#notify = notify
  }

  /** Keeps a topic until the transaction with this handle has committed. */
  remember(tx: unknown, topic: string): void {
    if (!isHandle(tx)) return
    const topics = this.#enqueued.get(tx) ?? new Set()
    this.#enqueued.set(tx, topics.add(topic))
  }

  /** A transaction of our own begins. Call what this returns once it has committed. */
  begun(tx: unknown): () => void {
    if (!isHandle(tx)) return () => undefined
    // A pooled handle may still carry what a transaction enqueued that did not commit.
    this.#enqueued.delete(tx)
    return () => {
      this.announce(this.#enqueued.get(tx) ?? [])
      this.#enqueued.delete(tx)
    }
  }

  announce(topics: Iterable<string>): void {
    for (const topic of topics) {
      this.#hub.wake(topic)
      if (this.#notify !== undefined) this.#waiting.add(topic)
    }
    if (this.#waiting.size > 0) this.#telling ??= this.#tell()
  }

  /** Resolves when nothing is being told any more. */
  async settled(): Promise<void> {
    await this.#telling
  }

  async #tell(): Promise<void> {
    while (this.#waiting.size > 0) {
      const topics = this.#waiting.size > MAX_TOPICS ? [''] : [...this.#waiting]
      this.#waiting.clear()
      await Promise.allSettled(topics.map(async (topic) => this.#notify?.(topic)))
      await pause(NOTIFY_EVERY_MS)
    }
    this.#telling = undefined
  }
}

/** The transactions of postgres.js are functions. */
function isHandle(tx: unknown): tx is object {
  return (typeof tx === 'object' && tx !== null) || typeof tx === 'function'
}
