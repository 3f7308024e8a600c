/**
 * The publisher follows a journal and publishes its events, each at least once and those of a stream in order.
 *
 * What returns, or resolves, has published. What throws is tried again with backoff, and its stream waits for it while
 * the others go on; `onFailure` says what happens when trying does not help. Processes with the same name share the
 * work by streams; when one dies, another goes on after its lease.
 */
import type { Codec } from '../core/codec.js'
import { monotonicMs } from '../core/environment.js'
import { WaybillError } from '../core/errors.js'
import { maskSecrets } from '../core/masking.js'
import type { ScopeId } from '../core/scope.js'
import type { RunCounts, RunnerCounters, RunnerEventName, RunnerEvents } from '../runner/report.js'
import { logRunner, type RunnerLogger } from '../runner/log.js'
import { meterRunner } from '../runner/meter.js'
import { Ending, type StopOptions } from '../runner/ending.js'
import { Runner, type StopResult } from '../runner/runner.js'
import type { WakeHub } from '../runner/wake.js'
import type { JournalStore } from './contract.js'
import { deliverTo } from './publisher-delivery.js'
import type { PublisherBatch, PublisherItem } from './publisher-batch.js'
import { publisherSettings, type PublisherOptions } from './publisher-options.js'
import { PublisherSource, type PublisherLag } from './publisher-source.js'
import type { Progress } from './working-parts.js'

export interface PublisherParts {
  readonly journal: JournalStore
  readonly progress: Progress
  readonly scope: ScopeId | undefined
  readonly codec: Codec
  readonly wake: WakeHub
  /** Called before it starts, to listen for wake-ups of other processes. */
  readonly onStart?: (() => void) | undefined
}

/** The wake-up topic of appends. */
export const JOURNAL_TOPIC = JSON.stringify(['journal'])

export class Publisher {
  readonly name: string
  readonly #runner: Runner<PublisherBatch, PublisherItem>
  readonly #source: PublisherSource
  readonly #parts: PublisherParts
  readonly #ending: Ending

  /** @throws VALIDATION naming the option. */
  constructor(parts: PublisherParts, options: PublisherOptions) {
    const settings = publisherSettings(options, parts.scope)
    this.name = options.name
    this.#parts = parts
    this.#source = new PublisherSource({
      journal: parts.journal, progress: parts.progress, offsets: options.progress, settings, scope: parts.scope,
      now: options.time?.monotonicMs ?? monotonicMs,
      onFatal: (error) => {
        if (this.#ending.fail(error)) logFailure(options.logger, this.name, error)
      },
    })
    const deliver = deliverTo(options, parts.codec)
    const deliverDue: typeof deliver = (item, context) => (
      item.batch.mayStart(item.event) ? deliver(item, context) : undefined)
    this.#runner = new Runner(this.#source, deliverDue, {
      ...options, batch: options.batch ?? 1_000, settleEveryMs: 10, signal: undefined,
      wake: { hub: parts.wake, topics: [JOURNAL_TOPIC] },
    })
    const { logger, meter } = options
    if (meter !== undefined) meterRunner((event, listener) => this.on(event, listener), { publisher: this.name }, meter)
    if (logger !== undefined) {
      logRunner((event, listener) => this.on(event, listener), 'event', { publisher: this.name }, logger)
    }
    this.#ending = new Ending({
      runner: this.#runner, now: options.time?.monotonicMs ?? monotonicMs, signal: options.signal,
      before: () => this.#source.hurry(), close: () => this.#source.close(),
    })
  }

  /** Why it stopped by itself: a policy said so, the journal is another one, or its progress cannot be read. */
  get failure(): WaybillError | undefined {
    return this.#ending.failure
  }

  /**
   * Runs in the background until stopped. Starting again changes nothing.
   * @throws CLOSED after `stop`, PUBLISHER_MISMATCH when the name follows something else.
   */
  async start(): Promise<void> {
    if (this.#ending.hasBegun) throw new WaybillError('CLOSED', 'this publisher was stopped; make a new one')
    await this.#source.begin()
    await this.#runner.start()
    this.#parts.onStart?.()
  }

  /**
   * Nothing new is read, what is under way is waited for, for at most `timeoutMs` (default 30,000), progress is saved
   * and given back to the others. Never rejects for what happens meanwhile. A second call ends the wait now.
   */
  async stop(options: StopOptions = {}): Promise<StopResult> {
    return this.#ending.stop(options)
  }

  /** One page, or what is held and due; published and saved. Rejects when reading fails, and when started. */
  async runOnce(): Promise<RunCounts> {
    return this.#counted(() => this.#runner.runOnce())
  }

  /** Publishes until nothing is due, also beside `start`. Rejects when reading fails, unless started. */
  async drain(): Promise<RunCounts> {
    return this.#counted(() => this.#runner.drain())
  }

  /** Calls back until the returned function is called. A listener that throws changes nothing. */
  on<Name extends RunnerEventName>(name: Name, listener: (event: RunnerEvents[Name]) => unknown): () => void {
    return this.#runner.on(name, listener)
  }

  /** Totals since the publisher was made. */
  counters(): RunnerCounters {
    return this.#runner.counters()
  }

  /** Of the parts that this process works on. Reads at most 1,000 events of each. */
  async lag(): Promise<PublisherLag> {
    return this.#source.lag()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ending.dispose()
  }

  async #counted(run: () => Promise<RunCounts>): Promise<RunCounts> {
    const counts = await run()
    await this.#ending.mustNotHaveFailed()
    return counts
  }
}

/** A logger that fails is its own affair. */
function logFailure(logger: RunnerLogger | undefined, publisher: string, error: WaybillError): void {
  try {
    logger?.error('the publisher stopped', { publisher, code: error.code, error: maskSecrets(error.message) })
  } catch {
    // Nothing to be done.
  }
}
