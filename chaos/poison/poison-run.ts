/**
 * One run with poison on one store: parts with poison between parts without, each delivered by a fleet of its own that
 * always has something to do. Then everything is stopped, the table is read, and the run is judged.
 */
import { setTimeout as wait } from 'node:timers/promises'
import { createWaybill } from 'waybill'
import type { HistoryEvent } from 'waybill/testkit'
import type { FaultRunOptions, FaultRunResult } from '../fault-run.js'
import { Breakage } from '../faults/breakage.js'
import { now } from '../history/journal.js'
import { mergeJournals } from '../history/merge.js'
import { countBacklog } from '../outbox/counts.js'
import { Phases } from '../phases.js'
import { NAME_HEADER } from '../plan.js'
import { unplannedStalls } from '../processes/stall-watch.js'
import { leftSessions } from '../stage/sessions.js'
import { Fleet, type Shift } from './fleet.js'
import { PoisonJudge, type FinalRow, type PoisonVerdict } from './judge.js'
import { enqueueLoad, poisonFor, type Load, type RunWaybill } from './load.js'
import { isPoisoned, KILL_POINTS, LANE, LANES, partsOf, WAITING, type Part } from './plan.js'
import { QueueWatch } from './queue-watch.js'
import type { PoisonRunSize } from './size.js'
import { SHARE } from './throughput.js'

const DRAIN_WITHIN_MS = 600_000
const COUNT_EVERY_MS = 2_000
const ROOM_EVERY_MS = 10
const PAGE = 1_000

export interface PoisonJudgement {
  readonly verdict: PoisonVerdict
  readonly messages: number
  readonly stalls: number
  readonly events: number
}

export type PoisonRunResult = FaultRunResult<PoisonJudgement>

export class PoisonRun {
  readonly #options: FaultRunOptions<PoisonRunSize>
  readonly #problems: string[] = []
  readonly #fleet: Fleet
  readonly #breakage: Breakage
  readonly #waybill: RunWaybill
  readonly #phases = new Phases({ look: (part) => this.#look(part), isOver: () => this.#problems.length > 0 })
  readonly #begunAt = new Map<Part, number>()
  #load: Load | undefined
  #shift: Shift | undefined
  #queue = new QueueWatch([])
  #countAt = 0
  /** All of the load is committed, and then delivered or dead. */
  #isMade = false
  #isEmpty = false
  #plannedKills = 0

  constructor(options: FaultRunOptions<PoisonRunSize>) {
    const { stage, folder, onSample } = options
    this.#options = options
    this.#fleet = new Fleet({ stage, folder, onFailure: (error) => void this.#problems.push(error.message), onSample })
    this.#breakage = new Breakage({ journal: this.#fleet.crew.journal, server: undefined })
    this.#waybill = createWaybill({ store: stage.own, lanes: LANES })
  }

  async run(): Promise<PoisonRunResult> {
    const { stage, size } = this.#options
    const { crew } = this.#fleet
    try {
      for (const [index, part] of partsOf(size.rounds).entries()) {
        if (this.#problems.length === 0) await this.#deliver(part, index)
      }
      this.#problems.push(...await leftSessions(stage, ['chaos-relay', 'chaos-processor']))
    } finally {
      crew.abandon()
    }
    this.#progress('judging')
    const judgement = await this.#judge()
    return {
      judgement, kills: crew.kills, faults: this.#breakage.counts, problems: this.#problems,
      seconds: this.#phases.seconds,
    }
  }

  async #deliver(part: Part, index: number): Promise<void> {
    const { size, stage, seed } = this.#options
    const hasPoison = isPoisoned(part)
    const messages = Math.ceil(size.messages[stage.store] / (hasPoison ? size.rounds : size.rounds + 1))
    const killing = part === 'poisoned0' ? size.killing : 0
    const poison = hasPoison ? poisonFor({ ...size, messages, killing }) : {}
    const load = { part, messages, seed: seed + index, poison }
    this.#load = load
    this.#plannedKills = hasPoison ? size.processorKills * KILL_POINTS.length : 0
    this.#isMade = this.#isEmpty = false
    const shift = await this.#fleet.start(part)
    this.#queue = new QueueWatch(shift.relays)
    this.#shift = shift
    this.#begunAt.set(part, now())
    this.#fleet.begin(shift)
    const made = enqueueLoad({
      waybill: this.#waybill, journal: this.#fleet.crew.journal, room: (count) => this.#room(count),
    }, load)
    await this.#phases.liveUntil(part, made)
    await made
    this.#isMade = true
    this.#countAt = 0
    await this.#phases.until(part, () => this.#isEmpty, DRAIN_WITHIN_MS)
    await this.#breakage.over()
    await this.#fleet.stop(shift)
    this.#shift = undefined
  }

  async #room(messages: number): Promise<boolean> {
    while (this.#queue.waiting > WAITING && this.#problems.length === 0) await wait(ROOM_EVERY_MS)
    this.#queue.add(messages)
    return this.#problems.length === 0
  }

  async #look(part: string): Promise<void> {
    const [load, shift, queue] = [this.#load, this.#shift, this.#queue]
    if (load === undefined || shift === undefined) return
    if (performance.now() >= this.#countAt) {
      const isMade = this.#isMade
      await queue.count(() => countBacklog(this.#options.stage))
      this.#isEmpty = isMade && queue.waiting === 0
      // At the end nothing else is to be done.
      this.#countAt = performance.now() + (isMade ? 0 : COUNT_EVERY_MS)
    }
    this.#killProcessors(shift, (queue.enqueued - queue.waiting) / load.messages)
    this.#progress(`${part}: ${queue.enqueued} made, ${queue.waiting} waiting, ${this.#fleet.crew.killed} kills`)
  }

  /** One after the other, as the last messages are delivered: to start a process again costs all of them time. */
  #killProcessors({ processors }: Shift, done: number): void {
    const all = this.#options.size.processorKills * KILL_POINTS.length
    const begun = all - this.#plannedKills
    if (this.#plannedKills === 0 || done < SHARE + (1 - SHARE) * (begun / all)) return
    this.#plannedKills -= 1
    const point = KILL_POINTS[begun % KILL_POINTS.length]
    if (point === undefined) return
    const onFailure = (error: Error): void => void this.#problems.push(error.message)
    this.#breakage.begin(() => this.#breakage.dieAt(processors, begun / all, point), onFailure)
  }

  async #judge(): Promise<PoisonJudgement> {
    const { size, stage } = this.#options
    const judge = new PoisonJudge({ begunAt: this.#begunAt, leastThroughput: size.leastThroughput })
    let [events, messages] = [0, 0]
    for (const event of mergeJournals<HistoryEvent>(this.#historyJournals)) {
      events += 1
      if (event.kind === 'enqueue') messages += 1
      judge.push(event)
    }
    const verdict = judge.finish(await this.#readTable(), await countTable(stage))
    return { verdict, messages, stalls: unplannedStalls(judge.faults), events }
  }

  /** Those of the processors of dead letters tell another story. */
  get #historyJournals(): string[] {
    return this.#fleet.crew.journals.filter((path) => !/-d\d+r\d+\.jsonl$/.test(path))
  }

  async #readTable(): Promise<FinalRow[]> {
    const rows: FinalRow[] = []
    for (let after: string | undefined; ;) {
      const page = await this.#waybill.outbox.list({ lane: LANE, after, limit: PAGE })
      for (const { id, headers, status, attemptCount, lastError } of page) {
        rows.push({ message: headers[NAME_HEADER] ?? id, status, attempts: attemptCount, lastError })
      }
      after = page.at(-1)?.id
      if (page.length < PAGE) break
    }
    // The first is taken away behind Waybill's back: the judge must find it.
    return this.#options.canary === true ? rows.slice(1) : rows
  }

  #progress(line: string): void {
    this.#options.onProgress(`${this.#options.stage.store} ${this.#phases.seconds.toFixed(1)} s ${line}`)
  }
}

/** By hand. */
async function countTable({ query, prefix }: FaultRunOptions<PoisonRunSize>['stage']): Promise<number> {
  const [row] = await query(`select count(*) as messages from ${prefix}outbox_message`)
  return Number(row?.['messages'])
}
