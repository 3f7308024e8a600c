/**
 * One run of the outbox on one store: a quiet part, faults, a calm part, then the producers stop, the relays finish,
 * everything is stopped, the table is read, and the journals are judged.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { join } from 'node:path'
import { createWaybill, type Waybill } from 'waybill'
import { FaultRun, type FaultRunOptions, type FaultRunResult } from '../fault-run.js'
import { Journal, now } from '../history/journal.js'
import { NAME_HEADER, RECOVERY_MS } from '../plan.js'
import { leftSessions } from '../stage/sessions.js'
import { countBacklog, countOrders } from './counts.js'
import { FaultRunner, type FaultKind } from './faults.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import { LANES } from './plan.js'
import type { OutboxRunSize } from './size.js'

const REST_WITHIN_MS = 300_000
const DRAIN_WITHIN_MS = 60_000
const PAGE = 1_000

export interface OutboxRunOptions extends FaultRunOptions<OutboxRunSize> {
  /** The first relay and the first producer are not killed, so that they grow old. */
  readonly sparesFirst?: boolean | undefined
}

export type OutboxRunResult = FaultRunResult<Judgement>

export class OutboxRun extends FaultRun<FaultKind, OutboxRunSize> {
  readonly #options: OutboxRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  readonly #waybill: Waybill<unknown, unknown, Readonly<Record<never, never>>, boolean>
  #backlog = 0

  constructor(options: OutboxRunOptions) {
    const { stage, folder, seed, size, onSample, sparesFirst } = options
    super(options)
    this.#options = options
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.fail(error), onSample,
    })
    const { relays: [relay], producers: [producer] } = this.#fleet
    const spared = sparesFirst === true ? [relay, producer].filter((slot) => slot !== undefined) : []
    this.#faults = new FaultRunner(stage, this.#fleet, spared)
    this.#waybill = createWaybill({ store: stage.own, lanes: LANES })
  }

  async run(): Promise<OutboxRunResult> {
    const { size, stage } = this.#options
    const { crew, producers } = this.#fleet
    try {
      await this.#fleet.start()
      await this.phases.live('quiet', size.quietMs)
      await this.underFaults(this.#faults)
      await this.phases.live('calm', size.calmMs)
      // A run is as long as its faults and as large as it says, whichever takes longer.
      await this.phases.until('calm', () => this.#fleet.produced >= size.messages[stage.store], REST_WITHIN_MS)
      await crew.stop(producers)
      await this.#drain()
      await this.#fleet.stopTheRest()
      this.problems.push(...await leftSessions(stage, ['chaos-relay', 'chaos-producer']))
    } finally {
      crew.abandon()
    }
    await this.#writeFinal()
    const rows = await countOrders(stage)
    this.progress('judging')
    const judgement = judge({ journals: crew.journals, rows, recoveryMs: RECOVERY_MS })
    return {
      judgement, kills: crew.kills, faults: this.#faults.breakage.counts, problems: this.problems,
      seconds: this.phases.seconds,
    }
  }

  protected override async look(part: string): Promise<void> {
    const { crew, producers, receivers } = this.#fleet
    // A server that is down just now has the backlog that it had.
    this.#backlog = await countBacklog(this.#options.stage).catch(() => this.#backlog)
    const received = receivers.reduce((sum, { process }) => sum + process.count('accepted'), 0)
    crew.tell(producers, { kind: this.throttle.decide(received, this.#backlog) })
    this.progress(`${part}: ${received} delivered, ${this.#backlog} waiting, ${crew.killed} kills`)
  }

  async #drain(): Promise<void> {
    await wait(100)
    await this.look('drain')
    await this.phases.until('drain', () => this.#backlog === 0, DRAIN_WITHIN_MS)
  }

  async #writeFinal(): Promise<void> {
    const journal = new Journal(join(this.#options.folder, 'final.jsonl'))
    let isPlanted = this.#options.canary !== true
    for (let after: string | undefined; ;) {
      const page = await this.#waybill.outbox.list({ after, limit: PAGE })
      for (const { id, headers, status } of page) {
        const message = headers[NAME_HEADER] ?? id
        if (isPlanted) journal.write({ kind: 'final', at: now(), message, status })
        isPlanted = true
      }
      after = page.at(-1)?.id
      if (page.length < PAGE) break
    }
    journal.close()
  }
}
