/**
 * One run of the feeds on one store: a quiet part, faults, a calm part, then the producers stop, the subscribers catch
 * up, everything is stopped, the feeds and the checkpoints are read, and the journals of the processes are judged.
 */
import type { Breakage } from '../faults/breakage.js'
import { Phases, Throttle } from '../phases.js'
import type { Sample } from '../processes/child.js'
import { scheduleOf } from '../run-size.js'
import { leftSessions } from '../stage/sessions.js'
import type { Stage } from '../stage/stage.js'
import { FaultRunner } from './faults.js'
import { countWaiting, prepareFeeds, writeFinal } from './final.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import type { FeedsRunSize } from './size.js'

const DRAIN_WITHIN_MS = 60_000

export interface FeedsRunOptions {
  readonly stage: Stage
  readonly size: FeedsRunSize
  readonly seed: number
  /** The journals are here. */
  readonly folder: string
  readonly onProgress: (line: string) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
  /** Takes a transaction away behind the judge's back, which must find it. */
  readonly canary?: boolean | undefined
}

export interface FeedsRunResult {
  readonly judgement: Judgement
  readonly kills: Readonly<Record<string, number>>
  readonly faults: Breakage['counts']
  readonly subscriberRestarts: number
  readonly lostSaves: number
  /** What was not as it must be, beside what the judge found. */
  readonly problems: readonly string[]
  readonly seconds: number
}

export class FeedsRun {
  readonly #options: FeedsRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  readonly #problems: string[] = []
  readonly #throttle: Throttle
  readonly #phases = new Phases({ look: (part) => this.#look(part), isOver: () => this.#problems.length > 0 })
  #waiting = 0

  constructor(options: FeedsRunOptions) {
    const { stage, folder, seed, size, onSample } = options
    this.#options = options
    this.#throttle = new Throttle(size.maxBehindMs)
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.#fail(error), onSample,
    })
    this.#faults = new FaultRunner(stage, this.#fleet)
  }

  async run(): Promise<FeedsRunResult> {
    const { size, stage, folder, canary } = this.#options
    const { crew, producers, subscribers, receivers } = this.#fleet
    try {
      await prepareFeeds(stage, folder)
      await this.#fleet.start()
      await this.#phases.live('quiet', size.quietMs)
      await this.#underFaults()
      await this.#phases.live('calm', size.calmMs)
      await crew.stop(producers)
      await this.#drain()
      await crew.stop(subscribers)
      await crew.stop(receivers)
      this.#problems.push(...await leftSessions(stage, ['chaos-subscriber', 'chaos-producer']))
    } finally {
      crew.abandon()
    }
    await writeFinal(stage, folder, canary === true)
    this.#progress('judging')
    const { breakage, subscriberRestarts, lostSaves } = this.#faults
    return {
      judgement: judge(crew.journals), kills: crew.kills, faults: breakage.counts, subscriberRestarts, lostSaves,
      problems: this.#problems, seconds: this.#phases.seconds,
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
    // A server that is down just now has what it had.
    this.#waiting = await countWaiting(this.#options.stage).catch(() => this.#waiting)
    crew.tell(producers, { kind: this.#throttle.decide(known, this.#waiting) })
    this.#progress(`${part}: ${known} side effects, ${this.#waiting} results waiting, ${crew.killed} kills`)
  }

  async #drain(): Promise<void> {
    await this.#look('drain')
    await this.#phases.until('drain', () => this.#waiting === 0, DRAIN_WITHIN_MS)
  }

  #fail(error: Error): void {
    this.#problems.push(error.message)
  }

  #progress(line: string): void {
    this.#options.onProgress(`${this.#options.stage.store} ${this.#phases.seconds.toFixed(1)} s ${line}`)
  }
}
