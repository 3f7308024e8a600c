/**
 * The relay delivers the messages of one lane: to handlers, one runner per target, or to a transport.
 *
 * A handler that returns has delivered. One that throws is tried again with backoff, unless what it
 * throws says otherwise: `permanentError` makes a dead letter at once, `throttledError` postpones without
 * spending an attempt. Targets do not wait for each other.
 */
import { setMaxListeners } from 'node:events'
import type { Codec } from '../core/codec.js'
import { monotonicMs } from '../core/environment.js'
import { describeError, isWaybillError, validationError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { maskSecrets } from '../core/masking.js'
import type { Transport } from '../core/transport.js'
import { assertName } from '../core/validate.js'
import { logRunner } from '../runner/log.js'
import { meterRunner } from '../runner/meter.js'
import { stopTimeoutMs } from '../runner/options.js'
import { quietly } from '../runner/quietly.js'
import {
  sumCounters, sumCounts, type RunCounts, type RunnerCounters, type RunnerEvents,
} from '../runner/report.js'
import { Runner, type StopResult } from '../runner/runner.js'
import type { Deliver } from '../runner/source.js'
import type { WakeHub } from '../runner/wake.js'
import type { LaneOrderings, OutboxStore } from './contract.js'
import type { EventDefinitions } from './events.js'
import { HeapNotes, type FailureHeap, type HeapError } from './heap-notes.js'
import { LaneCheck } from './lanes.js'
import {
  deliverToHandler, deliverToTransport, type AnyTargetHandler, type Decoding,
} from './relay-delivery.js'
import { relaySettings, type RelayOptions } from './relay-options.js'
import { OutboxSource, type RelayBatch, type RelayItem } from './relay-source.js'

export interface RelayParts<Events extends EventDefinitions = EventDefinitions> {
  readonly store: OutboxStore
  readonly wake: WakeHub
  readonly codec: Codec
  readonly events: Events
  /** Called before the runners start, to listen for wake-ups of other processes. */
  readonly onStart?: (() => void) | undefined
  /** What the application declares of its lanes. */
  readonly lanes?: LaneOrderings | undefined
}

/** What a relay tells: what its runners do, and what went wrong with its heap. */
export interface RelayEvents extends RunnerEvents {
  readonly heapError: HeapError
}

export type RelayEventName = keyof RelayEvents

/** With the target it happened at. */
export type RelayEvent<Name extends RelayEventName> = RelayEvents[Name] & { readonly target: string }

/** How long a stop waits, within its own time, for what the heap is still to be told. */
const HEAP_STOP_MS = 1_000

interface TargetRunner {
  readonly target: string
  readonly runner: Runner<RelayBatch, RelayItem>
  readonly notes: HeapNotes | undefined
}

export class Relay<Events extends EventDefinitions = EventDefinitions, Targets extends string = string> {
  readonly lane: string
  private readonly runners: readonly TargetRunner[]
  private readonly onStart: (() => void) | undefined
  private readonly check: LaneCheck
  private readonly heapListeners = new Set<(event: RelayEvent<'heapError'>) => unknown>()

  /** @throws VALIDATION naming the option. */
  constructor(parts: RelayParts<Events>, options: RelayOptions<Events, Targets>) {
    const settings = relaySettings(options)
    const targets = Object.entries(deliverByTarget(options, parts))
    const signal = options.signal && sharedSignal(options.signal)
    this.lane = settings.lane
    this.onStart = parts.onStart
    this.check = new LaneCheck(parts.store, settings.lane, parts.lanes ?? {})
    this.runners = targets.map(([target, deliver]) => {
      const source = new OutboxSource(parts.store, target, settings, this.check)
      const topics = [outboxTopic(), outboxTopic(settings.lane), outboxTopic(settings.lane, target)]
      const runner = new Runner(source, deliver, { ...options, signal, wake: { hub: parts.wake, topics } })
      return { target, runner, notes: settings.heap && this.notesOf(target, runner, settings.heap) }
    })
    const { logger, meter } = options
    if (meter !== undefined) {
      meterRunner((name, listener) => this.on(name, listener), { lane: settings.lane }, meter)
    }
    if (logger !== undefined) {
      logRunner((name, listener) => this.on(name, listener), 'message', { lane: settings.lane }, logger)
      this.on('heapError', ({ error, ...event }) => logger.warn('the heap failed, going on without it',
        { lane: settings.lane, ...event, error: maskSecrets(describeError(error)) }))
    }
  }

  /**
   * Runs in the background until stopped. Starting again changes nothing.
   * @throws CLOSED after `stop`, LANE_MISMATCH when the lane is stored with another ordering than declared.
   */
  async start(): Promise<void> {
    await this.check.pass().catch((error: unknown) => {
      // A store that cannot be reached is no reason not to start; each pull asks again.
      if (isWaybillError(error, 'LANE_MISMATCH')) throw error
    })
    await Promise.all(this.runners.map(({ runner }) => runner.start()))
    this.onStart?.()
  }

  /**
   * Nothing new is claimed, what has not started is released, what is under way is waited for and
   * settled, for at most `timeoutMs` (default 30,000). Never rejects for what happens meanwhile. A second
   * call ends the wait now.
   */
  async stop(options: { readonly timeoutMs?: number | undefined } = {}): Promise<StopResult> {
    const endsAt = monotonicMs() + stopTimeoutMs(options)
    const results = await Promise.all(this.runners.map(({ runner }) => runner.stop(options)))
    await this.closeNotes(Math.max(0, Math.min(HEAP_STOP_MS, endsAt - monotonicMs())))
    return {
      finished: results.reduce((sum, { finished }) => sum + finished, 0),
      abandoned: results.reduce((sum, { abandoned }) => sum + abandoned, 0),
      released: results.reduce((sum, { released }) => sum + released, 0),
    }
  }

  /** One claim per target, delivered and settled. Rejects when a claim fails, and when started. */
  async runOnce(): Promise<RunCounts> {
    return sumCounts(await this.each((runner) => runner.runOnce()))
  }

  /**
   * Delivers until nothing is due at any target, also what handlers enqueue meanwhile. Rejects when a
   * claim fails, unless started.
   */
  async drain(): Promise<RunCounts> {
    const rounds: RunCounts[] = []
    for (;;) {
      const round = sumCounts(await this.each((runner) => runner.drain()))
      rounds.push(round)
      if (round.claimed === 0 || this.runners.length === 1) return sumCounts(rounds)
    }
  }

  /** Calls back until the returned function is called. A listener that throws changes nothing. */
  on<Name extends RelayEventName>(name: Name, listener: (event: RelayEvent<Name>) => unknown): () => void {
    const heard = listener as (event: object) => unknown
    if (name === 'heapError') return this.onHeapError(heard)
    const offs = this.runners.map(({ target, runner }) =>
      runner.on(name, (event) => heard({ ...event, target })))
    return () => {
      for (const off of offs) off()
    }
  }

  /** Totals over all targets since the relay was made. */
  counters(): RunnerCounters {
    return sumCounters(this.runners.map(({ runner }) => runner.counters()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.runners.map(({ runner }) => runner[Symbol.asyncDispose]()))
    await this.closeNotes(HEAP_STOP_MS)
  }

  private notesOf(target: string, runner: TargetRunner['runner'], heap: FailureHeap): HeapNotes {
    const notes = new HeapNotes(heap, (event) => {
      for (const tell of this.heapListeners) quietly(() => tell({ ...event, target }))
    })
    // A runner tells when the store has answered. Throttled is not failed, and a lost claim is another's by now.
    runner.on('requeued', ({ id, error }) => notes.failed(id, error))
    runner.on('delivered', ({ id }) => notes.left(id))
    runner.on('deadLettered', ({ id }) => notes.left(id))
    return notes
  }

  private onHeapError(listener: (event: RelayEvent<'heapError'>) => unknown): () => void {
    const own = (event: RelayEvent<'heapError'>): unknown => listener(event)
    this.heapListeners.add(own)
    return () => void this.heapListeners.delete(own)
  }

  private async closeNotes(timeoutMs: number): Promise<void> {
    await Promise.all(this.runners.flatMap(({ notes }) => notes?.close(timeoutMs) ?? []))
  }

  /** Waits for all, also when one fails, so that none is left behind at work. */
  private async each<T>(call: (runner: TargetRunner['runner']) => Promise<T>): Promise<T[]> {
    const calls = await Promise.allSettled(this.runners.map(({ runner }) => call(runner)))
    return calls.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
  }
}

/** What `RelayOptions` says of where messages go, without its types: they are checked here. */
interface Destination {
  readonly handlers?: Readonly<Record<string, unknown>> | undefined
  readonly target?: string | undefined
  readonly transport?: Transport | undefined
}

/** One listener on the caller's signal, however many targets there are. */
function sharedSignal(signal: AbortSignal): AbortSignal {
  const shared = AbortSignal.any([signal])
  setMaxListeners(0, shared)
  return shared
}

/** The wake-up topic of a target, of a whole lane, or of all. Relays listen to all three. */
export function outboxTopic(lane?: string, target?: string): string {
  return JSON.stringify(['outbox', lane, target].filter((part) => part !== undefined))
}

function deliverByTarget(options: Destination, decoding: Decoding): Record<string, Deliver<RelayItem>> {
  const { handlers, target, transport } = options
  if (transport !== undefined) {
    if (handlers !== undefined) throw validationError('handlers', 'cannot be given together with transport')
    return { [assertName('target', target, MAX_NAME_BYTES)]: deliverToTransport(transport) }
  }
  if (target !== undefined) throw validationError('target', 'needs a transport; handlers name their targets')
  if (typeof handlers !== 'object' || handlers === null) throw validationError('handlers', 'are required')
  const targets = Object.entries(handlers as Readonly<Record<string, AnyTargetHandler>>)
  if (targets.length === 0) throw validationError('handlers', 'must name at least one target')
  return Object.fromEntries(targets.map(([name, handler]) =>
    [assertName('handlers target', name, MAX_NAME_BYTES), deliverToHandler(name, handler, decoding)]))
}
