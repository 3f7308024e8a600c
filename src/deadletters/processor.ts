/**
 * Moves aside what has failed too often: drain → quarantine → confirm.
 *
 *     heap ── drainExceeded ──► entries, hidden ── quarantine ──► ids that are dealt with ── confirmDrained ──► gone
 *               │                  │                   │
 *               └──────────────────┴───────────────────┴── killed, or failed: the entries come back with their counts
 *                                                          when the drain's lease is over, and are quarantined then
 *
 * So what is drained is never lost, and may be quarantined twice. `quarantine` must bear that: what it finds dealt with
 * already, or gone, or working again, it leaves as it is, and answers its id all the same. A heap without
 * `confirmDrained` forgets what it has given: a crash then costs the count, and the entry fails its way up once more.
 *
 * Any number of processors may work on one heap: a drain gives an entry to one of them.
 */
import { pause } from '../core/environment.js'
import { validationError } from '../core/errors.js'
import { assertDuration } from '../core/validate.js'
import type { StopOptions } from '../runner/ending.js'
import { MAX_TIMER_MS } from '../runner/options.js'
import { quietly } from '../runner/quietly.js'
import { Ticker, type TickContext, type TickerStop } from '../runner/ticker.js'
import type { DlqHeap, HeapEntry } from './heap.js'
import { assertThreshold } from './stored-heap.js'

/** How many failures in a row are too many, in the design this contract comes from. */
export const CLASSIC_DLQ_THRESHOLD = 10
/** How often that design looks: every 5 min. */
export const CLASSIC_DLQ_INTERVAL_MS = 300_000

/** Drains of one tick: what a heap that never empties must not exceed. */
const MAX_ROUNDS = 100

export interface DlqProcessorOptions {
  readonly heap: DlqHeap
  /**
   * Moves aside what these entries stand for, at most 1,000 from a heap of Waybill's. Answers the ids that are dealt
   * with; the others come back with the drain's lease, as all do when it throws. The signal is aborted when nobody
   * waits for it any more.
   */
  readonly quarantine: (
    entries: readonly HeapEntry[], context: { readonly signal: AbortSignal },
  ) => Promise<readonly string[]>
  /** Inclusive, 1…2,147,483,647. Default 10. */
  readonly threshold?: number | undefined
  /** From the end of a tick to the next, 1 ms to 2³¹−1 ms. Default 300,000: 5 min. */
  readonly intervalMs?: number | undefined
  /** Stops the processor when aborted. */
  readonly signal?: AbortSignal | undefined
  /** Told of a tick that failed; the next one comes all the same. What it throws is not heard of. Default: nobody. */
  readonly onError?: ((error: unknown) => unknown) | undefined
  /** For tests: what it takes from its surroundings. */
  readonly time?: { readonly pause: typeof pause } | undefined
}

export interface DlqTick {
  readonly drained: number
  /** Of these, quarantined or found dealt with, and confirmed. */
  readonly handled: number
}

/** Totals since the processor was made. */
export interface DlqCounters extends DlqTick {
  readonly ticks: number
  readonly failedTicks: number
}

/**
 * @example
 * const processor = new DlqProcessor({ heap: waybill.heap('mailer'), quarantine: (entries) => setAside(entries) })
 * await processor.start()
 */
export class DlqProcessor {
  readonly #heap: DlqHeap
  readonly #quarantine: DlqProcessorOptions['quarantine']
  readonly #threshold: number
  readonly #ticker: Ticker<DlqTick>
  readonly #totals = { ticks: 0, failedTicks: 0, drained: 0, handled: 0 }

  /** Nothing runs before `start` or `runOnce`. The options are copied. @throws VALIDATION naming the option. */
  constructor(options: DlqProcessorOptions) {
    const { heap, quarantine, threshold, intervalMs, signal, onError, time } = checked(options)
    this.#heap = heap
    this.#quarantine = quarantine
    this.#threshold = assertThreshold(threshold ?? CLASSIC_DLQ_THRESHOLD)
    this.#ticker = new Ticker({
      tick: (context) => this.#tick(context),
      intervalMs: assertDuration('intervalMs', intervalMs ?? CLASSIC_DLQ_INTERVAL_MS, 1, MAX_TIMER_MS),
      onFailure: (error) => quietly(() => onError?.(error)),
      pause: time?.pause ?? pause,
      signal,
    })
  }

  /** Runs in the background until stopped, and keeps the process running. @throws CLOSED after `stop`. */
  async start(): Promise<void> {
    await this.#ticker.start()
  }

  /**
   * Drains and quarantines until nothing exceeds the threshold any more; for hosts that have a timer of their own.
   * @throws CLOSED after `stop`, VALIDATION when started, and whatever the heap or `quarantine` throws.
   */
  async runOnce(): Promise<DlqTick> {
    return this.#ticker.runOnce()
  }

  /**
   * Cuts a pause short, and waits for the tick under way, at most `timeoutMs` (default 30,000); a second call ends the
   * wait now. Never rejects for what the tick does. @throws VALIDATION.
   */
  async stop(options: StopOptions = {}): Promise<TickerStop> {
    return this.#ticker.stop(options)
  }

  counters(): DlqCounters {
    return Object.freeze({ ...this.#totals })
  }

  /** Stops, or waits for a stop under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#ticker.dispose()
  }

  async #tick(context: TickContext): Promise<DlqTick> {
    this.#totals.ticks += 1
    const before = { ...this.#totals }
    try {
      for (let round = 0; round < MAX_ROUNDS && !context.stopping.aborted; round += 1) {
        // Where nothing was dealt with, going on would only hide the rest as well.
        if (!await this.#round(context.halted)) break
      }
    } catch (error) {
      this.#totals.failedTicks += 1
      throw error
    }
    const { drained, handled } = this.#totals
    return { drained: drained - before.drained, handled: handled - before.handled }
  }

  /** Whether there may be more. */
  async #round(halted: AbortSignal): Promise<boolean> {
    const entries = await this.#heap.drainExceeded(this.#threshold)
    this.#totals.drained += entries.length
    if (entries.length === 0 || halted.aborted) return false
    const ids = handledOf(entries, await this.#quarantine(entries, { signal: halted }))
    // Whoever has stopped waiting may have closed the heap's store. What is not confirmed comes again.
    if (ids.length === 0 || halted.aborted) return false
    await this.#heap.confirmDrained?.(ids)
    this.#totals.handled += ids.length
    return true
  }
}

/** From JavaScript anything may come. @throws VALIDATION. */
function checked(options: Partial<DlqProcessorOptions> | undefined): DlqProcessorOptions {
  const { heap, quarantine, ...rest } = options ?? {}
  const methods = ['recordFailure', 'recordSuccess', 'drainExceeded'] as const
  if (methods.some((name) => typeof (heap as Partial<DlqHeap> | null | undefined)?.[name] !== 'function')) {
    throw validationError('heap', `must have ${methods.join(', ')}`)
  }
  if (typeof quarantine !== 'function') throw validationError('quarantine', 'must be a function')
  return { ...rest, heap: heap as DlqHeap, quarantine }
}

/** Each once, and none that was not asked for. @throws VALIDATION. */
function handledOf(entries: readonly HeapEntry[], answer: unknown): readonly string[] {
  if (!Array.isArray(answer)) throw validationError('quarantine', 'must answer the ids that are dealt with')
  const handled = new Set<unknown>(answer)
  return entries.map(({ id }) => id).filter((id) => handled.has(id))
}
