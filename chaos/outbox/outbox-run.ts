/**
 * One run of the outbox on one store: a quiet part, faults, a calm part, then the producers stop, the relays finish,
 * everything is stopped, the table is read, and the journals are judged.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { join } from 'node:path'
import { createWaybill, type Waybill } from 'waybill'
import { seededRandom } from 'waybill/testkit'
import { planFaults } from '../faults/schedule.js'
import { Journal, now } from '../history/journal.js'
import type { Sample } from '../processes/child.js'
import { FaultRunner, type FaultKind } from './faults.js'
import { Fleet } from './fleet.js'
import { judge, type Judgement } from './judge.js'
import { LANES, NAME_HEADER, RECOVERY_MS } from './plan.js'
import type { RunSize } from './size.js'
import type { Stage } from './stage.js'

const LOOK_EVERY_MS = 250
const STEP_MS = 20
/** There is always something to do. */
const LEAST_BACKLOG = 100
const REST_WITHIN_MS = 300_000
const DRAIN_WITHIN_MS = 60_000
const SESSIONS_WITHIN_MS = 5_000
const PAGE = 1_000

export interface OutboxRunOptions {
  readonly stage: Stage
  readonly size: RunSize
  readonly seed: number
  /** The journals are here. */
  readonly folder: string
  readonly onProgress: (line: string) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
  /** Takes a message away behind Waybill's back: the judge must find it. */
  readonly canary?: boolean | undefined
  /** The first relay and the first producer are not killed, so that they grow old. */
  readonly sparesFirst?: boolean | undefined
}

export interface OutboxRunResult {
  readonly judgement: Judgement
  readonly kills: Readonly<Record<string, number>>
  readonly faults: FaultRunner['counts']
  /** What was not as it must be, beside what the judge found. */
  readonly problems: readonly string[]
  readonly seconds: number
}

export class OutboxRun {
  readonly #options: OutboxRunOptions
  readonly #fleet: Fleet
  readonly #faults: FaultRunner
  readonly #waybill: Waybill<unknown, unknown, Readonly<Record<never, never>>, boolean>
  readonly #problems: string[] = []
  readonly #startedAt = performance.now()
  #backlog = 0
  #received = 0
  /** Deliveries of late. */
  #perMs = 0
  #lookedAt = performance.now()
  #lookAt = 0

  constructor(options: OutboxRunOptions) {
    const { stage, folder, seed, size, onSample, sparesFirst } = options
    this.#options = options
    this.#fleet = new Fleet({
      stage, folder, seed, perSecond: size.perSecond[stage.store], onFailure: (error) => this.#fail(error), onSample,
    })
    const { relays: [relay], producers: [producer] } = this.#fleet
    const spared = sparesFirst === true ? [relay, producer].filter((slot) => slot !== undefined) : []
    this.#faults = new FaultRunner(stage, this.#fleet, spared)
    this.#waybill = createWaybill({ store: stage.own, lanes: LANES })
  }

  async run(): Promise<OutboxRunResult> {
    const { size } = this.#options
    try {
      await this.#fleet.start()
      await this.#live('quiet', size.quietMs)
      await this.#underFaults()
      await this.#live('calm', size.calmMs)
      await this.#produceTheRest()
      await this.#fleet.stopProducers()
      await this.#drain()
      await this.#fleet.stopTheRest()
      await this.#checkSessions()
    } finally {
      this.#fleet.abandon()
    }
    await this.#writeFinal()
    const rows = await this.#options.stage.countOrders()
    this.#progress('judging')
    const judgement = judge({ journals: this.#fleet.journals, rows, recoveryMs: RECOVERY_MS })
    return {
      judgement, kills: this.#fleet.kills, faults: this.#faults.counts, problems: this.#problems,
      seconds: this.#seconds,
    }
  }

  async #underFaults(): Promise<void> {
    const { size, seed, stage } = this.#options
    const counts: Partial<Record<FaultKind, number>> = {
      ...size.faults, ...(stage.server === undefined ? {} : size.serverFaults),
    }
    const planned = planFaults<FaultKind>(seededRandom(seed), {
      durationMs: size.faultsMs, counts, cycleMs: size.cycleMs, burst: size.burst,
    })
    const from = performance.now()
    for (const fault of planned) {
      await this.#live('faults', fault.atMs - (performance.now() - from))
      if (this.#problems.length > 0) break
      this.#faults.begin(fault, (error) => this.#fail(error))
    }
    await this.#live('faults', size.faultsMs - (performance.now() - from))
    await this.#faults.over()
  }

  /** A run is as long as its faults and as large as it says, whichever takes longer. */
  async #produceTheRest(): Promise<void> {
    const wanted = this.#options.size.messages[this.#options.stage.store]
    const until = performance.now() + REST_WITHIN_MS
    while (this.#fleet.produced < wanted && performance.now() < until && this.#problems.length === 0) {
      await this.#live('calm', LOOK_EVERY_MS)
    }
  }

  /** Lets them work, and looks at them now and then. A slow look delays nothing. */
  async #live(part: string, ms: number): Promise<void> {
    const until = performance.now() + ms
    while (performance.now() < until && this.#problems.length === 0) {
      if (performance.now() >= this.#lookAt) {
        this.#lookAt = Infinity
        void this.#look(part).finally(() => { this.#lookAt = performance.now() + LOOK_EVERY_MS })
      }
      await wait(Math.max(0, Math.min(until - performance.now(), STEP_MS)))
    }
  }

  /** Holds the producers while too much waits. */
  async #look(part: string): Promise<void> {
    // A server that is down just now has the backlog that it had.
    this.#backlog = await this.#options.stage.countBacklog().catch(() => this.#backlog)
    const received = this.#fleet.receivers.reduce((sum, { process }) => sum + process.count('accepted'), 0)
    const perMs = (received - this.#received) / (performance.now() - this.#lookedAt)
    this.#perMs = 0.7 * this.#perMs + 0.3 * perMs
    this.#received = received
    this.#lookedAt = performance.now()
    const most = Math.max(LEAST_BACKLOG, this.#perMs * this.#options.size.maxBehindMs)
    this.#fleet.tell(this.#fleet.producers, { kind: this.#backlog > most ? 'hold' : 'go' })
    const kills = Object.values(this.#fleet.kills).reduce((sum, count) => sum + count, 0)
    this.#progress(`${part}: ${received} delivered, ${this.#backlog} waiting, ${kills} kills`)
  }

  async #drain(): Promise<void> {
    const until = performance.now() + DRAIN_WITHIN_MS
    do {
      await wait(100)
      await this.#look('drain')
    } while (this.#backlog > 0 && performance.now() < until && this.#problems.length === 0)
  }

  /** A server forgets the sessions of the dead, and relays that were stopped leave none. */
  async #checkSessions(): Promise<void> {
    const { server } = this.#options.stage
    if (server === undefined) return
    for (const application of ['chaos-relay', 'chaos-producer']) {
      const until = performance.now() + SESSIONS_WITHIN_MS
      while (await server.sessions(application) > 0) {
        if (performance.now() > until) return void this.#problems.push(`sessions of ${application} were left open`)
        await wait(50)
      }
    }
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

  #fail(error: Error): void {
    this.#problems.push(error.message)
  }

  get #seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 100) / 10
  }

  #progress(line: string): void {
    this.#options.onProgress(`${this.#options.stage.store} ${this.#seconds.toFixed(1)} s ${line}`)
  }
}
