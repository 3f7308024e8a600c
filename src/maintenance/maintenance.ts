/**
 * Removes what is old enough, so that nothing grows for ever: every kind by its own age, in batches small enough that
 * producers do not notice, at intervals.
 *
 *     tick ── lease? ─┬─ another has it: standby until the next tick
 *                     └─ a batch of each kind in turn ─ rest ─ … ─ until nothing is left ── report ── lease kept
 *
 * Any number of processes may have one; the one with the lease (lead.ts) does the work, and keeps it from pass to
 * pass. When it stops, the next tick of any other takes over; when it dies, that happens when the lease is over, an
 * interval and a minute after its last pass. Two at once would only share the work.
 *
 * Kinds take turns, so a long backlog of one delays no other, and one that fails ends for this pass alone.
 */
import { newConsumer } from '../core/environment.js'
import { WaybillError } from '../core/errors.js'
import type { ScopeId } from '../core/scope.js'
import type { StopOptions } from '../runner/ending.js'
import { quietly } from '../runner/quietly.js'
import { Ticker, type TickContext, type TickerStop } from '../runner/ticker.js'
import { ChoreRun } from './chore-run.js'
import { choresOf, MAINTAINED_KINDS, type Chore, type MaintainedKind, type MaintainedStore } from './chores.js'
import { Lead } from './lead.js'
import { maintenanceSettings, type MaintenanceOptions, type MaintenanceSettings } from './maintenance-options.js'
import type { MaintenanceCounters, MaintenanceReport } from './report.js'

/** Of a pass under way, renewed. */
const WORK_LEASE_MS = 60_000

export interface MaintenanceRun {
  /** Only counts what would be removed; needs no lease. Default false. */
  readonly dryRun?: boolean | undefined
  /** Does it without the lease, also while another process has it. Default false. */
  readonly beside?: boolean | undefined
}

/**
 * @example
 * const maintenance = waybill.maintenance({ olderThanMs: { deadLetters: 30 * 86_400_000 } })
 * await maintenance.start()
 */
export class Maintenance {
  readonly #settings: MaintenanceSettings
  readonly #chores: readonly Chore[]
  readonly #lead: Lead
  readonly #ticker: Ticker<MaintenanceReport>
  readonly #onAbort = (): void => void this.#ticker.dispose().then(() => this.#lead.release()).catch(() => undefined)
  readonly #totals = { passes: 0, failedPasses: 0, standbys: 0 }
  readonly #removed = Object.fromEntries(MAINTAINED_KINDS.map((kind) => [kind, 0])) as Record<MaintainedKind, number>

  /** Use `waybill.maintenance`. The options are copied. @throws VALIDATION naming the option. */
  constructor(store: MaintainedStore, options: MaintenanceOptions = {}) {
    const settings = maintenanceSettings(options, store)
    this.#settings = settings
    this.#chores = [store, ...settings.also].flatMap((each) => choresOf(each, settings.ages))
    this.#lead = new Lead(store.checkpoints, newConsumer())
    this.#ticker = new Ticker({
      tick: (context) => this.#tick(context, settings.intervalMs + WORK_LEASE_MS),
      intervalMs: settings.intervalMs,
      onFailure: (error) => this.#tellError(error, undefined),
      pause: settings.time.pause,
      signal: settings.signal,
    })
    settings.signal?.addEventListener('abort', this.#onAbort, { once: true })
  }

  /**
   * Runs in the background until stopped, or its signal is aborted, and keeps the process running.
   * @throws CLOSED after `stop`.
   */
  async start(): Promise<void> {
    await this.#ticker.start()
  }

  /**
   * One pass, for hosts that have a timer of their own; gives the lease back at its end. What fails of single kinds is
   * in the report.
   * @throws CLOSED after `stop`, VALIDATION when started, and what taking the lease throws.
   */
  async runOnce({ dryRun = false, beside = false }: MaintenanceRun = {}): Promise<MaintenanceReport> {
    return this.#ticker.runOnce((context) => {
      if (dryRun) return this.#count(context)
      return beside ? this.#pass(context, this.#now(), new Lead(undefined, '')) : this.#tick(context, undefined)
    })
  }

  /**
   * Ends after the batch under way, waits for that at most `timeoutMs` (default 30,000), and gives the lease back; a
   * second call ends the wait now. Never rejects for what a pass does. @throws VALIDATION.
   */
  async stop(options: StopOptions = {}): Promise<TickerStop> {
    this.#settings.signal?.removeEventListener('abort', this.#onAbort)
    const ended = await this.#ticker.stop(options)
    if (!ended.abandoned) await this.#lead.release().catch(() => undefined)
    return ended
  }

  counters(): MaintenanceCounters {
    return Object.freeze({ ...this.#totals, removed: Object.freeze({ ...this.#removed }) })
  }

  /** Stops, or waits for a stop under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#settings.signal?.removeEventListener('abort', this.#onAbort)
    await this.#ticker.dispose()
    await this.#lead.release().catch(() => undefined)
  }

  async #tick(context: TickContext, keepMs: number | undefined): Promise<MaintenanceReport> {
    const began = this.#now()
    try {
      if (!await this.#lead.take(WORK_LEASE_MS)) return this.#standby(began)
      const report = await this.#pass(context, began, this.#lead)
      // Whoever has stopped waiting may have closed the store.
      if (context.halted.aborted) return report
      if (keepMs === undefined) await this.#lead.release()
      else if (report.state === 'done') await this.#lead.take(keepMs)
      return report
    } catch (error) {
      this.#totals.failedPasses += 1
      throw error
    }
  }

  async #pass(context: TickContext, began: number, lead: Lead): Promise<MaintenanceReport> {
    const { pace, time } = this.#settings
    const runs = this.#chores.map((chore) => new ChoreRun(chore, pace, time.monotonicMs))
    const isWhole = await this.#work(runs, context, lead)
    const report = await this.#reported(runs, { began, dryRun: false, state: isWhole ? 'done' : 'stopped', context })
    this.#totals.passes += 1
    return report
  }

  /** Whether nobody ended it before all was done. */
  async #work(runs: readonly ChoreRun[], { stopping }: TickContext, lead: Lead): Promise<boolean> {
    for (let open = runs; open.length > 0; open = open.filter(({ isOver }) => !isOver)) {
      for (const run of open) {
        if (stopping.aborted || !await lead.keep(WORK_LEASE_MS)) return false
        const { batch, restMs } = await run.step(stopping)
        if (batch !== undefined) {
          this.#removed[batch.kind] += batch.removed
          quietly(() => this.#settings.onBatch?.(batch))
        }
        if (run.error !== undefined) this.#tellError(run.error, run.chore.kind)
        if (restMs > 0 && runs.some(({ isOver }) => !isOver)) await this.#settings.time.pause(restMs, stopping)
      }
    }
    return true
  }

  async #count(context: TickContext): Promise<MaintenanceReport> {
    const { pace, time } = this.#settings
    const began = this.#now()
    const runs = this.#chores.map((chore) => new ChoreRun(chore, pace, time.monotonicMs))
    for (const run of runs) if (!context.stopping.aborted) await run.count()
    return this.#reported(runs, {
      began, dryRun: true, state: context.stopping.aborted ? 'stopped' : 'done', context,
    })
  }

  async #reported(
    runs: readonly ChoreRun[],
    { began, dryRun, state, context }: {
      readonly began: number; readonly dryRun: boolean; readonly state: MaintenanceReport['state']
      readonly context: TickContext
    },
  ): Promise<MaintenanceReport> {
    const sinceMs = context.stopping.aborted ? undefined : this.#now() - began
    const kinds = []
    for (const run of runs) if (!context.halted.aborted) kinds.push(await run.report(sinceMs, dryRun))
    return this.#told({
      state, dryRun, durationMs: this.#now() - began, kinds,
      removed: kinds.reduce((sum, { removed }) => sum + removed, 0),
    })
  }

  #standby(began: number): MaintenanceReport {
    this.#totals.standbys += 1
    return this.#told({ state: 'standby', dryRun: false, durationMs: this.#now() - began, removed: 0, kinds: [] })
  }

  #told(report: MaintenanceReport): MaintenanceReport {
    quietly(() => this.#settings.onReport?.(report))
    return report
  }

  #tellError(error: unknown, kind: MaintainedKind | undefined): void {
    quietly(() => this.#settings.onError?.(error, kind))
  }

  #now(): number {
    return this.#settings.time.monotonicMs()
  }
}

/** @throws VALIDATION naming the option; CONFIG_INVALID for a scope: what has none would not go. */
export function maintenanceOf(
  store: MaintainedStore, scope: ScopeId | undefined, options: MaintenanceOptions,
): Maintenance {
  if (scope === undefined) return new Maintenance(store, options)
  throw new WaybillError('CONFIG_INVALID', 'maintenance is of the whole store: call it outside of a scope')
}
