/**
 * The subscriber gives the results of feeds to a handler, each at least once and those of a feed in order.
 *
 * What returns, or resolves, has handled. What throws is tried again with backoff, and its feed waits for it while the
 * others go on; `onFailure` says what happens when trying does not help. Only what was handled moves a checkpoint, so
 * after a crash what was under way is given again. Of the processes with the same id one is active; when it dies,
 * another goes on after its lease.
 */
import { monotonicMs, systemRandom } from '../core/environment.js'
import { describeError, WaybillError } from '../core/errors.js'
import { maskSecrets } from '../core/masking.js'
import type { ScopeId } from '../core/scope.js'
import { logRunner, type RunnerLogger } from '../runner/log.js'
import { meterRunner } from '../runner/meter.js'
import { Ending, type StopOptions } from '../runner/ending.js'
import { quietly } from '../runner/quietly.js'
import type { RunCounts, RunnerCounters } from '../runner/report.js'
import { Runner, type StopResult } from '../runner/runner.js'
import type { WakeHub } from '../runner/wake.js'
import type { CheckpointStore } from './checkpoints.js'
import type { AnyFeed } from './feed.js'
import { gapError, type GapReport } from './feed-recovery.js'
import { feedTopic } from './feed-topic.js'
import { deliverTo } from './subscriber-delivery.js'
import {
  isOwnEvent, SubscriberListeners, type OwnEventName, type SubscriberEventName, type SubscriberEvents,
} from './subscriber-events.js'
import type { SubscriberBatch } from './subscriber-batch.js'
import type { SubscriberItem } from './subscriber-item.js'
import { subscriberSettings, type SubscriberOptions } from './subscriber-options.js'
import { SubscriberSource } from './subscriber-source.js'
import { subscriberLag, subscriberStatus, type SubscriberLag, type SubscriberStatus } from './subscriber-status.js'

export interface SubscriberParts {
  readonly checkpoints: CheckpointStore
  readonly scope: ScopeId | undefined
  readonly wake: WakeHub
  /** Called before it starts, to listen for wake-ups of other processes. */
  readonly onStart?: (() => void) | undefined
}

export class Subscriber {
  readonly id: string
  readonly #runner: Runner<SubscriberBatch, SubscriberItem>
  readonly #source: SubscriberSource
  readonly #parts: SubscriberParts
  readonly #options: SubscriberOptions
  readonly #feeds: readonly AnyFeed[]
  readonly #failures = new Map<AnyFeed, WaybillError>()
  readonly #listeners = new SubscriberListeners()
  readonly #now: () => number
  readonly #ending: Ending
  #isStarted = false

  /** @throws VALIDATION naming the option; CONFIG_INVALID whose `details.rule` is what cannot go together. */
  constructor(parts: SubscriberParts, options: SubscriberOptions) {
    const settings = subscriberSettings(options, parts.scope, parts.checkpoints)
    const ownTopic = JSON.stringify(['subscriber', settings.key, settings.owner])
    this.id = settings.id
    this.#parts = parts
    this.#options = options
    this.#feeds = settings.feeds
    this.#now = options.time?.monotonicMs ?? monotonicMs
    this.#source = new SubscriberSource({
      checkpoints: parts.checkpoints, settings, now: this.#now, random: options.time?.random ?? systemRandom,
      failures: this.#failures,
      onFailed: (report) => this.#fail(report),
      onGap: (report) => this.#tellGap(report),
      onTaken: ({ term }) => this.#emit('active', { term }),
      onLost: ({ term }) => this.#emit('standby', { term }),
      onReadError: (feed, error) => this.#emit('unreadable', { feed, error }),
      onFatal: (error) => this.#fatal(error),
      wake: () => parts.wake.wake(ownTopic),
    })
    const deliver = deliverTo(options)
    this.#runner = new Runner(
      this.#source, (item, context) => (this.#source.begins(item) ? deliver(item, context) : undefined), {
        ...options, batch: Math.min(settings.batch, 1_000), settleEveryMs: 10, signal: undefined,
        concurrency: options.concurrency ?? Math.max(10, settings.feeds.length),
        wake: { hub: parts.wake, topics: [ownTopic, ...settings.feeds.map(({ key }) => feedTopic(key))] },
      })
    if (options.logger !== undefined) this.#log(options.logger)
    if (options.meter !== undefined) {
      meterRunner((event, listener) => this.on(event, listener), { subscriber: this.id }, options.meter)
    }
    this.#ending = new Ending({
      runner: this.#runner, now: this.#now, signal: options.signal,
      before: () => this.#hurry(), close: () => this.#source.close(),
    })
  }

  /** Why it stopped by itself: a policy said so, all its feeds have failed, or its checkpoints cannot be read. */
  get failure(): WaybillError | undefined {
    return this.#ending.failure
  }

  /** Feeds of which nothing more is delivered, because results are gone. The others go on. */
  get failures(): ReadonlyMap<AnyFeed, WaybillError> {
    return this.#failures
  }

  /**
   * Runs in the background until stopped. Where each feed begins is stored when it resolves, unless another process is
   * the subscriber, or a store cannot be reached: then it is when that is over. Starting again changes nothing.
   * @throws CLOSED after `stop`; FEED_GAP when results of all its feeds are gone and its recovery is `strict`.
   */
  async start(): Promise<void> {
    if (this.#ending.hasBegun && this.failure === undefined) throw closed()
    if (!this.#isStarted) await this.#source.begin()
    await this.#ending.mustNotHaveFailed()
    await this.#runner.start()
    this.#isStarted = true
    this.#parts.onStart?.()
  }

  /**
   * Nothing new is read, but results that wait for their batch are given now. What is under way is waited for, all for
   * at most `timeoutMs` (default 30,000); checkpoints are saved, and another process may be the subscriber.
   * Never rejects for what happens meanwhile. A second call ends the wait now.
   */
  async stop(options: StopOptions = {}): Promise<StopResult> {
    return this.#ending.stop(options)
  }

  /** One page of each feed, handled and saved. Rejects when reading fails, and when started. */
  async runOnce(): Promise<RunCounts> {
    return this.#counted(() => this.#runner.runOnce())
  }

  /** Handles until nothing is due, also beside `start`. Rejects when reading fails, unless started. */
  async drain(): Promise<RunCounts> {
    return this.#counted(() => this.#runner.drain())
  }

  /** Calls back until the returned function is called. A listener that throws changes nothing. */
  on<Name extends SubscriberEventName>(name: Name, listener: (event: SubscriberEvents[Name]) => unknown): () => void {
    if (isOwnEvent(name)) return this.#listeners.on<OwnEventName>(name, listener as (event: unknown) => unknown)
    return this.#runner.on(name, listener as (event: unknown) => unknown)
  }

  /** Totals since the subscriber was made. Of batches, where there is `onBatch`. */
  counters(): RunnerCounters {
    return this.#runner.counters()
  }

  /** As this process knows it, without asking a store. */
  status(): SubscriberStatus {
    return subscriberStatus(this.#feeds, this.#source.tenure, this.#failures, this.#now())
  }

  /** How many results are not handled yet, as far as this process knows the checkpoints. Asks each feed. */
  async lag(): Promise<SubscriberLag> {
    return subscriberLag(this.#feeds, this.#source.tenure)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.dispose()
  }

  /** Results that wait for their batch are given now. */
  async #hurry(): Promise<void> {
    this.#source.hurry()
    if (this.#isStarted && this.failure === undefined) await this.#source.flush()
  }

  #fail(report: GapReport): void {
    const error = gapError(report)
    this.#failures.set(report.feed, error)
    this.#emit('failed', { feed: report.feed, error })
    if (this.#failures.size === this.#feeds.length) this.#fatal(error)
  }

  #tellGap(report: GapReport): void {
    quietly(() => this.#options.onGap?.(report))
    this.#emit('gap', report)
  }

  #fatal(error: WaybillError): void {
    if (!this.#ending.fail(error)) return
    quietly(() => this.#options.logger?.error('the subscriber stopped', {
      subscriber: this.id, code: error.code, error: maskSecrets(error.message),
    }))
  }

  #emit<Name extends OwnEventName>(name: Name, event: SubscriberEvents[Name]): void {
    this.#listeners.emit(name, event)
  }

  #log(logger: RunnerLogger): void {
    const subscriber = this.id
    logRunner((event, listener) => this.on(event, listener), 'result', { subscriber }, logger)
    this.on('active', ({ term }) => logger.info('active', { subscriber, term: String(term) }))
    this.on('standby', ({ term }) => logger.warn('another process may be the subscriber now', {
      subscriber, term: String(term) }))
    this.on('gap', ({ feed, reason, action, requested, earliest, latest }) => logger.warn('results are gone', {
      subscriber, feed: feed.name, reason, action,
      requested: String(requested), earliest: String(earliest), latest: String(latest),
    }))
    this.on('failed', ({ feed, error }) => logger.error('the feed failed', {
      subscriber, feed: feed.name, code: error.code, error: error.message }))
    this.on('unreadable', ({ feed, error }) => logger.warn('the feed cannot be read, trying again', {
      subscriber, feed: feed.name, error: maskSecrets(describeError(error)) }))
  }

  async #counted(run: () => Promise<RunCounts>): Promise<RunCounts> {
    const patient = this.#source.hasten()
    try {
      const counts = await run()
      await this.#ending.mustNotHaveFailed()
      return counts
    } finally {
      patient()
    }
  }
}

function closed(): WaybillError {
  return new WaybillError('CLOSED', 'this subscriber was stopped; make a new one')
}
