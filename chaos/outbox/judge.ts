/** Judges a run's journals, each lane by a checker of its own: they have different rules. */
import { HistoryChecker, type FaultEvent, type HistoryEvent, type Verdict } from 'waybill/testkit'
import { mergeJournals } from '../history/merge.js'
import { isPoison } from '../plan.js'
import { isStall, unplannedStalls } from '../processes/stall-watch.js'
import { LANE_NAMES, LANES, laneOf, type Lane } from './plan.js'

export interface Judgement {
  readonly verdicts: Record<Lane, Verdict>
  /** The slowest first delivery in ms, from its commit or from the end of the last planned fault. */
  readonly recoveryMs: number
  /** Unplanned: a process or a call was silent for too long, and nothing had been broken just then. */
  readonly stalls: number
  readonly events: number
  readonly torn: number
}

export interface JudgeOptions {
  readonly journals: readonly string[]
  /** By the application's own table. */
  readonly rows: Readonly<Record<Lane, number>>
  readonly recoveryMs: number
}

export function judge({ journals, rows, recoveryMs }: JudgeOptions): Judgement {
  const checkerOf = (lane: Lane): HistoryChecker =>
    new HistoryChecker({ ordering: LANES[lane].ordering, recoveryMs, isPoison })
  const checkers: Record<Lane, HistoryChecker> = { orders: checkerOf('orders'), mail: checkerOf('mail') }
  const recovery = new Recovery()
  const faults: FaultEvent[] = []
  let [events, torn, last] = [0, 0, 0]
  for (const event of mergeJournals(journals, () => { torn += 1 })) {
    events += 1
    last = Math.max(last, event.at)
    recovery.see(event)
    if (event.kind === 'fault') faults.push(event)
    const lanes = lanesOf(event)
    for (const lane of lanes) checkers[lane].push(event)
  }
  const verdicts = Object.fromEntries(LANE_NAMES.map((lane) => {
    checkers[lane].push({ kind: 'end', at: last, rows: rows[lane] })
    return [lane, checkers[lane].finish()]
  })) as Record<Lane, Verdict>
  return { verdicts, recoveryMs: recovery.slowest(), stalls: unplannedStalls(faults), events, torn }
}

/** A fault concerns both. */
function lanesOf(event: HistoryEvent): readonly Lane[] {
  switch (event.kind) {
    case 'fault': case 'end': return LANE_NAMES
    case 'begin': case 'committed': case 'aborted': case 'unknown': return [laneOf(event.tx)]
    case 'claimed': return [laneOf(event.messages[0] ?? '')]
    default: return [laneOf(event.message)]
  }
}

/** How long first deliveries took, from the commit or from the end of the last fault, whichever was later. */
class Recovery {
  readonly #waiting = new Map<string, string[]>()
  readonly #committed = new Map<string, number>()
  readonly #lateFirsts: { readonly at: number; readonly from: number }[] = []
  #lastFault = -Infinity

  see(event: HistoryEvent): void {
    if (event.kind === 'fault') {
      if (!isStall(event)) this.#lastFault = Math.max(this.#lastFault, event.until)
    } else if (event.kind === 'enqueue') {
      const messages = this.#waiting.get(event.tx)
      if (messages === undefined) this.#waiting.set(event.tx, [event.message])
      else messages.push(event.message)
    } else if (event.kind === 'committed' || event.kind === 'unknown') {
      for (const message of this.#waiting.get(event.tx) ?? []) this.#committed.set(message, event.at)
      this.#waiting.delete(event.tx)
    } else if (event.kind === 'aborted') this.#waiting.delete(event.tx)
    else if (event.kind === 'received' && event.accepted) {
      const from = this.#committed.get(event.message)
      if (from !== undefined) this.#lateFirsts.push({ at: event.at, from })
      this.#committed.delete(event.message)
    }
  }

  slowest(): number {
    let slowest = 0
    for (const { at, from } of this.#lateFirsts) slowest = Math.max(slowest, at - Math.max(from, this.#lastFault))
    return slowest
  }
}
