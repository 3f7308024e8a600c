/**
 * When to look for work.
 *
 * Wake-ups are hints. Whoever commits work says so on a topic of the `WakeHub`, and runners that
 * listen look at once. A hint may be missed or wrong, so every runner also polls: soon after it was
 * busy (5 ms), then at doubling intervals up to `pollMaxMs`. The poll alone is always enough.
 *
 * A wake-up that arrives while a pull is under way may announce work that this pull does not see; it
 * is remembered, and the wait that follows is over before it begins.
 */

/** In-process topics. Nothing is remembered for those who subscribe later. */
export class WakeHub {
  private readonly listeners = new Map<string, Set<() => void>>()

  /** Calls back on each wake of the topic until the returned function is called. */
  subscribe(topic: string, listener: () => void): () => void {
    const those = this.listeners.get(topic) ?? new Set()
    this.listeners.set(topic, those.add(listener))
    return () => {
      those.delete(listener)
      if (those.size === 0 && this.listeners.get(topic) === those) this.listeners.delete(topic)
    }
  }

  /** Wakes whoever listens to the topic; without a topic, everybody. */
  wake(topic?: string): void {
    const woken = topic === undefined ? this.listeners.values() : [this.listeners.get(topic) ?? []]
    for (const those of woken) for (const listener of those) listener()
  }

  /** How many subscriptions are open. */
  get size(): number {
    let size = 0
    for (const those of this.listeners.values()) size += those.size
    return size
  }
}

const POLL_MIN_MS = 5

/** One runner's waiting. */
export class Poll {
  private readonly minMs: number
  private readonly maxMs: number
  private delayMs: number
  private woken = false
  private news = false
  private cut: (() => void) | undefined

  constructor(maxMs: number) {
    this.maxMs = maxMs
    this.minMs = Math.min(POLL_MIN_MS, maxMs)
    this.delayMs = this.minMs
  }

  /** Somebody has told of work since the last pull began. */
  get hasNews(): boolean {
    return this.news
  }

  /** A wake-up from outside. */
  tell(): void {
    this.news = true
    this.wake()
  }

  wake(): void {
    this.woken = true
    this.delayMs = this.minMs
    this.cut?.()
  }

  /** Call before each pull: only later wake-ups are for the next one. */
  beforePull(): void {
    this.woken = false
    this.news = false
  }

  /** There was work, so there may be more soon. */
  wasBusy(): void {
    this.delayMs = this.minMs
  }

  async wait(): Promise<void> {
    if (this.woken) return
    const delayMs = this.delayMs
    this.delayMs = Math.min(delayMs * 2, this.maxMs)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delayMs)
      this.cut = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.cut = undefined
  }
}
