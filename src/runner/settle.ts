/**
 * Writes the outcomes of one batch back to the source.
 *
 * Outcomes are collected and written together: when the batch is complete, at the end of the turn in which
 * 200 wait, or `settleEveryMs` after the first. One write of a batch is under way at a time; batches do not
 * wait for each other. A write that fails is repeated with backoff until the batch's lease is over; only
 * then do its items count as lost. When the store says that repeating cannot help, the outcomes are halved,
 * so that one that it will not take keeps no other from being written.
 *
 * When every item has its outcome and writing fails, the lease is no longer renewed: either a
 * repetition succeeds while it lasts, or others take over.
 */
import { isWaybillError } from '../core/errors.js'
import type { Lease } from './lease.js'
import { backoffMs, type RunnerSettings } from './options.js'
import type { Answer, Outcome, RunnerItem } from './source.js'

/** An item whose try is over. */
export interface Ended<Item extends RunnerItem> {
  readonly item: Item
  readonly outcome: Outcome
  /** How long the try took. */
  readonly ms: number
}

const WRITE_AT = 200

export interface SettlerPorts<Item extends RunnerItem> {
  readonly settings: RunnerSettings
  readonly lease: Lease
  /** Cuts the wait between repetitions. */
  readonly halted: AbortSignal
  readonly write: (outcomes: readonly Outcome[]) => Promise<readonly Answer[]>
  readonly onAnswer: (ended: Ended<Item>, answer: Answer) => void
  readonly onError: (error: unknown) => void
  /** After each write; some outcomes were answered. */
  readonly onProgress: () => void
}

export class Settler<Item extends RunnerItem> {
  private readonly ports: SettlerPorts<Item>
  /** Items without an outcome. */
  private missing: number
  /** Outcomes without an answer. */
  private unanswered = 0
  private waiting: Ended<Item>[] = []
  private writing = false
  private closed = false
  private timer: NodeJS.Timeout | undefined
  private soon: NodeJS.Immediate | undefined

  constructor(items: number, ports: SettlerPorts<Item>) {
    this.missing = items
    this.ports = ports
  }

  get isDone(): boolean {
    return this.closed || (this.missing === 0 && this.unanswered === 0)
  }

  record(ended: Ended<Item>): void {
    this.missing -= 1
    this.unanswered += 1
    this.waiting.push(ended)
    this.arrange()
  }

  /** These items are lost, and asking the source would not help. */
  forfeit(lost: readonly Ended<Item>[]): void {
    this.missing -= lost.length
    this.unanswered += lost.length
    this.answer(lost, [])
    this.arrange()
    this.ports.onProgress()
  }

  /** Writes what waits now. */
  hurry(): void {
    if (!this.writing && !this.closed && this.waiting.length > 0) void this.write()
  }

  /** Nothing more is written and later answers are not heard. */
  close(): void {
    this.closed = true
    this.disarm()
  }

  private arrange(): void {
    if (this.missing === 0) return this.hurry()
    if (this.writing || this.closed || this.waiting.length === 0) return
    // Many deliveries may end in one turn, and a batch that is written whole costs the source the least.
    if (this.waiting.length >= WRITE_AT) this.soon ??= setImmediate(() => this.hurry())
    else {
      this.timer ??= setTimeout(() => this.hurry(), this.ports.settings.settleEveryMs)
    }
  }

  private disarm(): void {
    clearTimeout(this.timer)
    clearImmediate(this.soon)
    this.timer = this.soon = undefined
  }

  private async write(): Promise<void> {
    this.writing = true
    this.disarm()
    let groups = [this.takeWaiting()]
    for (let failures = 0; groups.length > 0 && !this.closed;) {
      const refused: Ended<Item>[][] = []
      for (const group of groups) refused.push(...await this.writeGroup(group))
      groups = refused
      if (groups.length > 0) {
        failures += 1
        if (!await this.mayRepeat(failures)) return this.lose(groups.flat())
        if (this.waiting.length > 0) groups.push(this.takeWaiting())
      }
    }
    this.writing = false
    this.arrange()
    this.ports.onProgress()
  }

  private takeWaiting(): Ended<Item>[] {
    const taken = this.waiting
    this.waiting = []
    return taken
  }

  /** What is left to repeat. */
  private async writeGroup(group: Ended<Item>[]): Promise<Ended<Item>[][]> {
    let answers: readonly Answer[]
    try {
      answers = await this.ports.write(group.map((ended) => ended.outcome))
    } catch (error) {
      if (this.closed) return []
      this.ports.onError(error)
      const hopeless = isWaybillError(error) && !error.retryable && group.length > 1
      const half = Math.ceil(group.length / 2)
      return hopeless ? [group.slice(0, half), group.slice(half)] : [group]
    }
    this.answer(group, answers)
    return []
  }

  private answer(group: readonly Ended<Item>[], answers: readonly Answer[]): void {
    if (this.closed) return
    this.unanswered -= group.length
    group.forEach((ended, index) => this.ports.onAnswer(ended, answers[index] ?? 'lost_claim'))
  }

  private async mayRepeat(failures: number): Promise<boolean> {
    const { lease, settings, halted } = this.ports
    if (this.missing === 0) lease.stop()
    if (lease.isOver()) return false
    await settings.time.pause(backoffMs(failures, settings.time.random), halted)
    return true
  }

  private lose(unwritten: readonly Ended<Item>[]): void {
    this.answer(unwritten, [])
    this.writing = false
    this.arrange()
    this.ports.onProgress()
  }
}
