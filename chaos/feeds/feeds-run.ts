/**
 * One run of the feeds on one store: a quiet part, faults, a calm part, then the producers stop, the subscribers catch
 * up, everything is stopped, the feeds and the checkpoints are read, and the journals of the processes are judged.
 */
import { FaultRun, type FaultRunOptions, type FaultRunResult } from '../fault-run.js'
import { leftSessions } from '../stage/sessions.js'
import type { Stage } from '../stage/stage.js'
import { FaultRunner, type FaultKind } from './faults.js'
import { countWaiting, prepareFeeds, writeFinal } from './final.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import type { FeedsRunSize } from './size.js'

const DRAIN_WITHIN_MS = 60_000

export type FeedsRunOptions = FaultRunOptions<FeedsRunSize, Stage>

export interface FeedsRunResult extends FaultRunResult<Judgement> {
  readonly subscriberRestarts: number
  readonly lostSaves: number
}

export class FeedsRun extends FaultRun<FaultKind, FeedsRunSize> {
  readonly #options: FeedsRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  #waiting = 0

  constructor(options: FeedsRunOptions) {
    const { stage, folder, seed, size, onSample } = options
    super(options)
    this.#options = options
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.fail(error), onSample,
    })
    this.#faults = new FaultRunner(stage, this.#fleet)
  }

  async run(): Promise<FeedsRunResult> {
    const { size, stage, folder, canary } = this.#options
    const { crew, producers, subscribers, receivers } = this.#fleet
    try {
      await prepareFeeds(stage, folder)
      await this.#fleet.start()
      await this.phases.live('quiet', size.quietMs)
      await this.underFaults(this.#faults)
      await this.phases.live('calm', size.calmMs)
      await crew.stop(producers)
      await this.#drain()
      await crew.stop(subscribers)
      await crew.stop(receivers)
      this.problems.push(...await leftSessions(stage, ['chaos-subscriber', 'chaos-producer']))
    } finally {
      crew.abandon()
    }
    await writeFinal(stage, folder, canary === true)
    this.progress('judging')
    const { breakage, subscriberRestarts, lostSaves } = this.#faults
    return {
      judgement: judge(crew.journals), kills: crew.kills, faults: breakage.counts, subscriberRestarts, lostSaves,
      problems: this.problems, seconds: this.phases.seconds,
    }
  }

  protected override async look(part: string): Promise<void> {
    const { crew, producers, known } = this.#fleet
    // A server that is down just now has what it had.
    this.#waiting = await countWaiting(this.#options.stage).catch(() => this.#waiting)
    crew.tell(producers, { kind: this.throttle.decide(known, this.#waiting) })
    this.progress(`${part}: ${known} side effects, ${this.#waiting} results waiting, ${crew.killed} kills`)
  }

  async #drain(): Promise<void> {
    await this.look('drain')
    await this.phases.until('drain', () => this.#waiting === 0, DRAIN_WITHIN_MS)
  }
}
