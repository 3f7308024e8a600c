/**
 * The deliveries under way: their number, their bytes and their deadlines.
 *
 * All have the same timeout, so their time is over in the order they began, and one timer, set for the
 * oldest, does for all.
 */
import type { Delivery } from './delivery.js'
import type { RunnerSettings } from './options.js'
import type { RunnerItem } from './source.js'

export class InFlight<Item extends RunnerItem> {
  bytes = 0
  private readonly settings: RunnerSettings
  private readonly onTimeout: () => void
  private readonly deliveries = new Set<Delivery<Item>>()
  private timer: NodeJS.Timeout | undefined

  constructor(settings: RunnerSettings, onTimeout: () => void) {
    this.settings = settings
    this.onTimeout = onTimeout
  }

  get size(): number {
    return this.deliveries.size
  }

  /** True when an item of this size may start now. One that is larger than the limit may, alone. */
  hasRoomFor(item: RunnerItem): boolean {
    if (this.deliveries.size >= this.settings.concurrency) return false
    return this.deliveries.size === 0 || this.bytes + item.bytes <= this.settings.maxInFlightBytes
  }

  add(delivery: Delivery<Item>): void {
    this.deliveries.add(delivery)
    this.bytes += delivery.item.bytes
    this.timer ??= setTimeout(() => this.expire(), this.settings.timeoutMs)
  }

  remove(delivery: Delivery<Item>): void {
    if (this.deliveries.delete(delivery)) this.bytes -= delivery.item.bytes
  }

  /** Aborts them all and forgets them. */
  abandon(): void {
    const abandoned = [...this.deliveries]
    this.deliveries.clear()
    this.bytes = 0
    this.rest()
    for (const delivery of abandoned) delivery.abandon()
  }

  /** Nothing is under way and nothing is coming: the timer, kept while busy, may go. */
  rest(): void {
    if (this.deliveries.size > 0) return
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private expire(): void {
    this.timer = undefined
    const now = this.settings.time.monotonicMs()
    for (const delivery of this.deliveries) {
      const leftMs = delivery.startedAt + this.settings.timeoutMs - now
      // Timers may fire a fraction of a millisecond early.
      if (leftMs >= 1) {
        clearTimeout(this.timer)
        this.timer = setTimeout(() => this.expire(), leftMs)
        return
      }
      this.onTimeout()
      delivery.timeOut(this.settings.timeoutMs)
    }
  }
}
