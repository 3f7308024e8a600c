/**
 * One run of the inbox on one store: a quiet part, faults, a calm part, then all messages are due, the consumers finish
 * them, everything is stopped, the tables are read, and the run is judged.
 */
import { FaultRun, type FaultRunOptions, type FaultRunResult } from '../fault-run.js'
import { mergeJournals } from '../history/merge.js'
import { unplannedStalls } from '../processes/stall-watch.js'
import { leftSessions } from '../stage/sessions.js'
import type { FaultEvent } from 'waybill/testkit'
import { createEffects, loseEffect, readFinal } from './effects.js'
import type { InboxEvent } from './events.js'
import { FaultRunner, type FaultKind } from './faults.js'
import { Fleet } from './fleet.js'
import { InboxJudge, type InboxVerdict } from './judge.js'
import type { InboxRunSize } from './size.js'

const FINISH_WITHIN_MS = 60_000
/** Processes take their time to start; messages must not run out before the faults do. */
const MORE_MS = 4_000

export interface InboxJudgement {
  readonly verdict: InboxVerdict
  readonly messages: number
  /** From the end of the calm part to the last acknowledgement. */
  readonly recoveryMs: number
  readonly stalls: number
  readonly events: number
}

export type InboxRunResult = FaultRunResult<InboxJudgement>

export class InboxRun extends FaultRun<FaultKind, InboxRunSize> {
  readonly #options: FaultRunOptions<InboxRunSize>
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  readonly #messages: number

  constructor(options: FaultRunOptions<InboxRunSize>) {
    const { stage, folder, seed, size, onSample } = options
    super(options)
    this.#options = options
    const perSecond = size.perSecond[stage.store]
    this.#messages = Math.ceil((perSecond * (size.quietMs + size.faultsMs + size.calmMs + MORE_MS)) / 1_000)
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond, messages: this.#messages, onFailure: (error) => this.fail(error), onSample,
    })
    this.#faults = new FaultRunner(stage, this.#fleet)
  }

  async run(): Promise<InboxRunResult> {
    const { size, stage, canary } = this.#options
    const { crew, consumers } = this.#fleet
    let recoveryMs = 0
    await createEffects(stage.query)
    try {
      await this.#fleet.start()
      await this.phases.live('quiet', size.quietMs)
      await this.underFaults(this.#faults)
      await this.phases.live('calm', size.calmMs)
      const from = performance.now()
      await this.phases.until('finish', () => this.#fleet.isFinished, FINISH_WITHIN_MS)
      recoveryMs = performance.now() - from
      await crew.stop(consumers)
      this.problems.push(...await leftSessions(stage, ['chaos-consumer']))
    } finally {
      crew.abandon()
    }
    if (canary === true) await loseEffect(stage.query)
    this.progress('judging')
    const judgement = await this.#judge(recoveryMs)
    return {
      judgement, kills: crew.kills, faults: this.#faults.breakage.counts, problems: this.problems,
      seconds: this.phases.seconds,
    }
  }

  protected override async look(part: string): Promise<void> {
    const { crew } = this.#fleet
    this.progress(`${part}: ${this.#fleet.sum('done')} done, ${this.#fleet.sum('skipped')} skipped, `
      + `${this.#fleet.sum('waiting')} waiting, ${crew.killed} kills`)
  }

  async #judge(recoveryMs: number): Promise<InboxJudgement> {
    const judge = new InboxJudge()
    const faults: FaultEvent[] = []
    let events = 0
    for (const event of mergeJournals<InboxEvent>(this.#fleet.crew.journals)) {
      events += 1
      if (event.kind === 'fault') faults.push(event)
      else judge.push(event)
    }
    const { query, prefix } = this.#options.stage
    const verdict = judge.finish(this.#messages, await readFinal(query, prefix))
    return { verdict, messages: this.#messages, recoveryMs, stalls: unplannedStalls(faults), events }
  }
}
