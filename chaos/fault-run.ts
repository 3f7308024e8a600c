/**
 * What runs of every kind have in common: their time, what went wrong beside what the judge finds, and the schedule of
 * their faults. A run is over when something went wrong: there is no sense in going on.
 */
import type { Breakage } from './faults/breakage.js'
import type { PlannedFault } from './faults/schedule.js'
import { Phases, Throttle } from './phases.js'
import type { Sample } from './processes/child.js'
import { scheduleOf, type RunSize } from './run-size.js'
import type { SqlStage, Stage } from './stage/stage.js'

export interface FaultRunOptions<Size, On extends Stage = SqlStage> {
  readonly stage: On
  readonly size: Size
  readonly seed: number
  /** The journals are here. */
  readonly folder: string
  readonly onProgress: (line: string) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
  /** Takes something away behind Waybill's back: the judge must find it. */
  readonly canary?: boolean | undefined
}

export interface FaultRunResult<Judgement> {
  readonly judgement: Judgement
  readonly kills: Readonly<Record<string, number>>
  readonly faults: Breakage['counts']
  /** What was not as it must be, beside what the judge found. */
  readonly problems: readonly string[]
  readonly seconds: number
}

interface Faults<Kind extends string> {
  readonly breakage: Breakage
  begin(fault: PlannedFault<Kind>, onFailure: (error: Error) => void): void
}

export abstract class FaultRun<Kind extends string, Size extends RunSize<Kind>> {
  protected readonly problems: string[] = []
  protected readonly phases = new Phases({ look: (part) => this.look(part), isOver: () => this.problems.length > 0 })
  protected readonly throttle: Throttle
  readonly #options: FaultRunOptions<Size, Stage>

  constructor(options: FaultRunOptions<Size, Stage>) {
    this.#options = options
    this.throttle = new Throttle(options.size.maxBehindMs)
  }

  /** Holds the producers while too much waits. */
  protected abstract look(part: string): Promise<void>

  protected async underFaults(faults: Faults<Kind>): Promise<void> {
    const { size, seed, stage } = this.#options
    await this.phases.underFaults(size.faultsMs, scheduleOf(size, stage, seed), (fault) => {
      faults.begin(fault, (error) => this.fail(error))
    })
    // The last of them need processes that work.
    const over = faults.breakage.over()
    await this.phases.liveUntil('faults', over)
    await over
  }

  protected fail(error: Error): void {
    this.problems.push(error.message)
  }

  protected progress(line: string): void {
    this.#options.onProgress(`${this.#options.stage.store} ${this.phases.seconds.toFixed(1)} s ${line}`)
  }
}
