/**
 * One run of the journal on one store: a quiet part, faults, a calm part, then the producers stop, the publishers
 * finish, everything is stopped, the journal and the progress are read, and the journals of the processes are judged.
 */
import { FaultRun, type FaultRunOptions, type FaultRunResult } from '../fault-run.js'
import { leftSessions } from '../stage/sessions.js'
import { FaultRunner, type FaultKind } from './faults.js'
import { countEvents, heldStreams, writeFinal } from './final.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import type { JournalRunSize } from './size.js'

const DRAIN_WITHIN_MS = 60_000

export type JournalRunOptions = FaultRunOptions<JournalRunSize>

export interface JournalRunResult extends FaultRunResult<Judgement> {
  readonly publisherRestarts: number
}

export class JournalRun extends FaultRun<FaultKind, JournalRunSize> {
  readonly #options: JournalRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  #waiting = 0
  #held = 0

  constructor(options: JournalRunOptions) {
    const { stage, folder, seed, size, onSample } = options
    super(options)
    this.#options = options
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.fail(error), onSample,
    })
    this.#faults = new FaultRunner(stage, this.#fleet)
  }

  async run(): Promise<JournalRunResult> {
    const { size, stage, folder, canary } = this.#options
    const { crew, producers, publishers, receivers } = this.#fleet
    try {
      await this.#fleet.start()
      await this.phases.live('quiet', size.quietMs)
      await this.underFaults(this.#faults)
      await this.phases.live('calm', size.calmMs)
      await crew.stop(producers)
      await this.#drain()
      await crew.stop(publishers)
      await crew.stop(receivers)
      this.problems.push(...await leftSessions(stage, ['chaos-publisher', 'chaos-producer']))
    } finally {
      crew.abandon()
    }
    await writeFinal(stage, folder, canary === true)
    this.progress('judging')
    return {
      judgement: judge(crew.journals), kills: crew.kills, faults: this.#faults.breakage.counts,
      publisherRestarts: this.#faults.publisherRestarts, problems: this.problems, seconds: this.phases.seconds,
    }
  }

  protected override async look(part: string): Promise<void> {
    const { crew, producers, known } = this.#fleet
    const { stage } = this.#options
    // A server that is down just now has what it had.
    this.#waiting = await countEvents(stage).then((events) => events - known, () => this.#waiting)
    this.#held = await heldStreams(stage).catch(() => this.#held)
    crew.tell(producers, { kind: this.throttle.decide(known, this.#waiting) })
    this.progress(`${part}: ${known} delivered, ${this.#waiting} waiting, ${this.#held} held, ${crew.killed} kills`)
  }

  async #drain(): Promise<void> {
    await this.look('drain')
    await this.phases.until('drain', () => this.#waiting === 0 && this.#held === 0, DRAIN_WITHIN_MS)
  }
}
