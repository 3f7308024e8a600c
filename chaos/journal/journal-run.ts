/**
 * One run of the journal on one store: a quiet part, faults, a calm part, then the producers stop, the publishers
 * finish, everything is stopped, the journal and the progress are read, and the journals of the processes are judged.
 */
import type { Breakage } from '../faults/breakage.js'
import { Phases, Throttle } from '../phases.js'
import type { Sample } from '../processes/child.js'
import { scheduleOf } from '../run-size.js'
import { leftSessions } from '../stage/sessions.js'
import type { Stage } from '../stage/stage.js'
import { FaultRunner } from './faults.js'
import { countEvents, heldStreams, writeFinal } from './final.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import type { JournalRunSize } from './size.js'

const DRAIN_WITHIN_MS = 60_000

export interface JournalRunOptions {
  readonly stage: Stage
  readonly size: JournalRunSize
  readonly seed: number
  /** The journals are here. */
  readonly folder: string
  readonly onProgress: (line: string) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
  /** Takes an event away behind Waybill's back: the judge must find it. */
  readonly canary?: boolean | undefined
}

export interface JournalRunResult {
  readonly judgement: Judgement
  readonly kills: Readonly<Record<string, number>>
  readonly faults: Breakage['counts']
  readonly publisherRestarts: number
  /** What was not as it must be, beside what the judge found. */
  readonly problems: readonly string[]
  readonly seconds: number
}

export class JournalRun {
  readonly #options: JournalRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  readonly #problems: string[] = []
  readonly #throttle: Throttle
  readonly #phases = new Phases({ look: (part) => this.#look(part), isOver: () => this.#problems.length > 0 })
  #waiting = 0
  #held = 0

  constructor(options: JournalRunOptions) {
    const { stage, folder, seed, size, onSample } = options
    this.#options = options
    this.#throttle = new Throttle(size.maxBehindMs)
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.#fail(error), onSample,
    })
    this.#faults = new FaultRunner(stage, this.#fleet)
  }

  async run(): Promise<JournalRunResult> {
    const { size, stage, folder, canary } = this.#options
    const { crew, producers, publishers, receivers } = this.#fleet
    try {
      await this.#fleet.start()
      await this.#phases.live('quiet', size.quietMs)
      await this.#underFaults()
      await this.#phases.live('calm', size.calmMs)
      await crew.stop(producers)
      await this.#drain()
      await crew.stop(publishers)
      await crew.stop(receivers)
      this.#problems.push(...await leftSessions(stage, ['chaos-publisher', 'chaos-producer']))
    } finally {
      crew.abandon()
    }
    await writeFinal(stage, folder, canary === true)
    this.#progress('judging')
    return {
      judgement: judge(crew.journals), kills: crew.kills, faults: this.#faults.breakage.counts,
      publisherRestarts: this.#faults.publisherRestarts, problems: this.#problems, seconds: this.#phases.seconds,
    }
  }

  async #underFaults(): Promise<void> {
    const { size, seed, stage } = this.#options
    await this.#phases.underFaults(size.faultsMs, scheduleOf(size, stage, seed), (fault) => {
      this.#faults.begin(fault, (error) => this.#fail(error))
    })
    await this.#faults.breakage.over()
  }

  /** Holds the producers while too much waits. */
  async #look(part: string): Promise<void> {
    const { crew, producers, known } = this.#fleet
    const { stage } = this.#options
    // A server that is down just now has what it had.
    this.#waiting = await countEvents(stage).then((events) => events - known, () => this.#waiting)
    this.#held = await heldStreams(stage).catch(() => this.#held)
    crew.tell(producers, { kind: this.#throttle.decide(known, this.#waiting) })
    this.#progress(`${part}: ${known} delivered, ${this.#waiting} waiting, ${this.#held} held, ${crew.killed} kills`)
  }

  async #drain(): Promise<void> {
    await this.#look('drain')
    await this.#phases.until('drain', () => this.#waiting === 0 && this.#held === 0, DRAIN_WITHIN_MS)
  }

  #fail(error: Error): void {
    this.#problems.push(error.message)
  }

  #progress(line: string): void {
    this.#options.onProgress(`${this.#options.stage.store} ${this.#phases.seconds.toFixed(1)} s ${line}`)
  }
}
