/**
 * The runner: wake → pull → deliver → settle, for any source of leased work.
 *
 * One loop keeps deliveries fed. It pulls the next batch while the last one is being delivered, waits when
 * nothing is due, and backs off when the source fails. Deliveries and settles go on by themselves. Where deliveries
 * are faster than pulls, it asks for the next batch before it starts the one that has come.
 *
 * Batches may be open side by side, also with items of one chain, where the source gives it in pages; `Chains` keeps
 * their order. A pull that finds nothing proves that all is done only if nothing was held when it began.
 *
 * A `solo` batch holds an item that may have ended a process before. It waits until everything else is
 * answered, is delivered and settled, and only then does the loop go on: if the process ends now, it is
 * clear whose fault it was, and nobody else's work is lost with it.
 *
 * Stopping: nothing new is pulled or started, what has not started is released at once, deliveries under way
 * are waited for and settled. At the deadline, or at a second `stop`, their signals are aborted and they
 * are left unsettled, because nobody knows how they end; their lease expires and they are delivered again.
 *
 * A runner is started once. It may instead be driven by `runOnce` and `drain`. After `stop` it is used up.
 */
import { setMaxListeners } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { validationError, WaybillError } from '../core/errors.js'
import { Dispatcher } from './dispatch.js'
import type { OpenBatch } from './open-batch.js'
import {
  backoffMs, DEFAULT_STOP_TIMEOUT_MS, runnerSettings, stopTimeoutMs, type RunnerOptions, type RunnerSettings,
} from './options.js'
import {
  difference, Report, type RunCounts, type RunnerCounters, type RunnerEventName, type RunnerEvents,
} from './report.js'
import type { Deliver, PulledBatch, RunnerItem, Source } from './source.js'
import { Poll } from './wake.js'

/** A full batch all of whose items were started within this time is worth pulling the next one ahead. */
const FAST_MS = 100

export interface StopResult {
  /** Items that were delivered, or failed, and settled while stopping. */
  readonly finished: number
  /** Items not settled at the deadline. They stay claimed until their lease expires. */
  readonly abandoned: number
  /** Items given back untried. */
  readonly released: number
}

export class Runner<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  private readonly source: Source<Batch, Item>
  private readonly settings: RunnerSettings
  private readonly report = new Report()
  private readonly poll: Poll
  private readonly dispatcher: Dispatcher<Batch, Item>
  /** Aborted: nothing new begins. */
  private readonly stopping = new AbortController()
  /** Aborted: nothing is waited for. */
  private readonly halted = new AbortController()
  private readonly onAbort = (): void => void this.end(DEFAULT_STOP_TIMEOUT_MS)
  /** One at a time: the loop, or a call of `runOnce` or `drain`. Never rejects. */
  private turn: Promise<unknown> = Promise.resolve()
  private started = false
  private stops = 0
  private ending: Promise<StopResult> | undefined
  private deadline: NodeJS.Timeout | undefined
  private unsubscribe: (() => void)[] = []
  private pulls = 0
  /** Nothing was held when the latest pull began, so when it finds nothing, no answer has made anything due since. */
  private askedWhenQuiet = true
  /** The latest pull that found nothing while nothing was held. */
  private idleAtPull = 0
  private idleTold = false
  /** A pull that was begun before its batch was wanted. */
  private ahead: Promise<OpenBatch<Batch, Item> | null> | undefined
  private admittedAt = -Infinity

  constructor(source: Source<Batch, Item>, deliver: Deliver<Item>, options: RunnerOptions = {}) {
    this.source = source
    this.settings = runnerSettings(options)
    this.poll = new Poll(this.settings.pollMaxMs)
    this.dispatcher = new Dispatcher({
      source, deliver, settings: this.settings, report: this.report, halted: this.halted.signal,
      // What a batch held back, such as the next item of its key, may be due now.
      onClosed: () => this.poll.wake(),
    })
    setMaxListeners(0, this.stopping.signal, this.halted.signal)
    if (this.settings.signal?.aborted === true) this.onAbort()
    else this.settings.signal?.addEventListener('abort', this.onAbort, { once: true })
  }

  /** Runs in the background until stopped. Starting again changes nothing. @throws CLOSED after `stop`. */
  async start(): Promise<void> {
    this.mustBeOpen()
    if (this.started) return
    this.started = true
    const { wake } = this.settings
    if (wake !== undefined) {
      this.unsubscribe = wake.topics.map((topic) => wake.hub.subscribe(topic, () => {
        this.poll.tell()
        this.dispatcher.gate.check()
      }))
    }
    void this.inTurn(() => this.loop(false)).catch(() => undefined)
  }

  /**
   * One pull; delivers and settles what it found. Rejects when the pull fails.
   * @throws CLOSED after `stop`, VALIDATION when started.
   */
  async runOnce(): Promise<RunCounts> {
    this.mustBeOpen()
    if (this.started) throw validationError('runOnce', 'is for a runner that was not started')
    return this.counted(() => this.inTurn(async () => {
      const open = await this.pull()
      if (open !== null) await this.take(open)
      await this.dispatcher.gate.until(() => this.dispatcher.isQuiet)
    }))
  }

  /**
   * Resolves when nothing is due and nothing is held, also beside `start`, or when stopped. Rejects when
   * a pull fails, unless started: then the loop goes on trying. @throws CLOSED.
   */
  async drain(): Promise<RunCounts> {
    this.mustBeOpen()
    if (!this.started) return this.counted(() => this.inTurn(() => this.loop(true)))
    return this.counted(() => {
      const asked = this.pulls
      this.poll.wake()
      return this.dispatcher.gate.until(() => this.isStopping || this.idleAtPull > asked)
    })
  }

  /**
   * Resolves when all has ended, at the latest after `timeoutMs` (default 30,000); never rejects for what
   * happens meanwhile. A second call while the first waits ends the wait now.
   */
  async stop(options: { readonly timeoutMs?: number | undefined } = {}): Promise<StopResult> {
    const timeoutMs = stopTimeoutMs(options)
    this.stops += 1
    if (this.stops > 1) this.halted.abort()
    return this.end(timeoutMs)
  }

  on<Name extends RunnerEventName>(name: Name, listener: (event: RunnerEvents[Name]) => unknown): () => void {
    return this.report.on(name, listener)
  }

  counters(): RunnerCounters {
    const { inFlight, buffered } = this.dispatcher
    const { size, bytes } = inFlight
    return Object.freeze({ ...this.report.totals, inFlight: size, buffered, bytesInFlight: bytes })
  }

  /** Stops, or waits for a stop under way without cutting it short. */
  async [Symbol.asyncDispose](): Promise<void> {
    await (this.ending ?? this.stop())
  }

  private async loop(untilEmpty: boolean): Promise<void> {
    const { dispatcher } = this
    try {
      while (!this.isStopping) {
        const open = await this.next(untilEmpty)
        if (open !== null) await this.take(open)
        else if (!untilEmpty) await this.rest()
        else if (this.askedWhenQuiet) return
        else await dispatcher.gate.until(() => dispatcher.isQuiet)
        // Sources and handlers that never leave the microtask queue must not starve timers and signals.
        await nextTurn()
      }
    } finally {
      const unused = await this.ahead?.catch(() => null)
      if (unused) dispatcher.giveBack(unused)
      await dispatcher.gate.until(() => dispatcher.isQuiet)
    }
  }

  /** The next batch, when it is wanted. */
  private async next(untilEmpty: boolean): Promise<OpenBatch<Batch, Item> | null> {
    const { dispatcher, settings } = this
    const pull = (limit: number): Promise<OpenBatch<Batch, Item> | null> =>
      untilEmpty ? this.pull(limit) : this.pullUntilAnswered(limit)
    if (this.ahead === undefined) {
      await dispatcher.gate.until(() => this.isStopping || dispatcher.wantsMore || this.hasNews)
    }
    const open = await (this.ahead ?? pull(dispatcher.wantsMore ? settings.batch : this.newsLimit))
    this.ahead = undefined
    if (open !== null && this.isDrainedFast(open)) {
      this.ahead = pull(settings.batch)
      this.ahead.catch(() => undefined)
      // So that the request is on its way before handlers, which may never wait, take the turn.
      await nextTurn()
    }
    return open
  }

  /** The batch before this one was started at once, so the next is pulled while this one is delivered. */
  private isDrainedFast(open: OpenBatch<Batch, Item>): boolean {
    return open.batch.items.length >= this.settings.batch && !open.batch.solo
      && !this.dispatcher.awaitsAnswersOf(open) && this.dispatcher.wantsMoreBeside(open)
      && this.settings.time.monotonicMs() - this.admittedAt < FAST_MS
  }

  private async pull(limit = this.settings.batch): Promise<OpenBatch<Batch, Item> | null> {
    if (this.isStopping) return null
    this.poll.beforePull()
    this.pulls += 1
    this.askedWhenQuiet = this.dispatcher.isQuiet
    const askedAt = this.settings.time.monotonicMs()
    const batch = await this.source.pull(limit, this.stopping.signal)
    if (batch === null || batch.items.length === 0) return null
    if (this.halted.signal.aborted) return this.giveBackUnheard(batch)
    this.idleTold = false
    this.poll.wasBusy()
    return this.dispatcher.open(batch, askedAt)
  }

  private async pullUntilAnswered(limit: number): Promise<OpenBatch<Batch, Item> | null> {
    for (let failures = 1; ; failures += 1) {
      try {
        return await this.pull(limit)
      } catch (error) {
        this.report.storeError('pull', error)
        await this.settings.time.pause(backoffMs(failures, this.settings.time.random), this.stopping.signal)
      }
    }
  }

  private async take(open: OpenBatch<Batch, Item>): Promise<void> {
    const { gate } = this.dispatcher
    if (open.batch.solo) {
      // Done without a try, when it was given back meanwhile.
      await gate.until(() => this.isStopping || this.dispatcher.holdsOnly(open) || open.settler.isDone)
    }
    if (this.isStopping) return this.dispatcher.giveBack(open)
    this.admittedAt = this.settings.time.monotonicMs()
    this.dispatcher.admit(open)
    if (open.batch.solo) await gate.until(() => open.settler.isDone)
  }

  /** Nothing is due. */
  private async rest(): Promise<void> {
    if (this.isStopping) return
    if (this.askedWhenQuiet) {
      this.idleAtPull = this.pulls
      this.dispatcher.gate.check()
      if (!this.idleTold) this.report.emit('idle', {})
      this.idleTold = true
    }
    await this.poll.wait()
  }

  private end(timeoutMs: number): Promise<StopResult> {
    this.ending ??= this.finish()
    if (!this.halted.signal.aborted) {
      clearTimeout(this.deadline)
      this.deadline = setTimeout(() => this.halted.abort(), timeoutMs)
    }
    return this.ending
  }

  private async finish(): Promise<StopResult> {
    const { dispatcher } = this
    const before = { ...this.report.totals }
    this.stopping.abort()
    this.settings.signal?.removeEventListener('abort', this.onAbort)
    for (const off of this.unsubscribe) off()
    this.poll.wake()
    dispatcher.giveBackAll()
    dispatcher.gate.check()
    const halted = new Promise((resolve) => {
      this.halted.signal.addEventListener('abort', resolve, { once: true })
    })
    await Promise.race([halted, this.turn.then(() => dispatcher.gate.until(() => dispatcher.isQuiet))])
    // From here on nothing is armed any more, also by calls that are still to return.
    this.halted.abort()
    clearTimeout(this.deadline)
    const abandoned = dispatcher.abandon()
    const { delivered, requeued, deadLettered, released } = difference(before, this.report.totals)
    return { finished: delivered + requeued + deadLettered, abandoned, released }
  }

  /** A pull that answered after the runner had gone. */
  private giveBackUnheard(batch: Batch): null {
    const releases = batch.items.map(({ id }) => ({ id, kind: 'release' as const }))
    this.source.settle(batch, releases).catch(() => undefined)
    return null
  }

  /** Somebody has committed work since the last pull, and it may go before what is held. */
  private get hasNews(): boolean {
    return this.poll.hasNews && this.dispatcher.mayLook
  }

  private get newsLimit(): number {
    return Math.min(this.settings.batch, this.settings.concurrency)
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted
  }

  private mustBeOpen(): void {
    if (this.isStopping) throw new WaybillError('CLOSED', 'this runner was stopped; make a new one')
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work)
    this.turn = mine.catch(() => undefined)
    return mine
  }

  private async counted(work: () => Promise<void>): Promise<RunCounts> {
    const before = { ...this.report.totals }
    await work()
    return difference(before, this.report.totals)
  }
}
