/**
 * Notices that this process, or a call of it, took far longer than it should, as on a machine that does too much: a
 * fault that nobody planned. It is written down like the others, because it explains what a pause explains, and
 * counted apart, because a run with many of them proves less.
 */
import type { FaultEvent } from 'waybill/testkit'
import { now, type EventSink } from '../history/journal.js'

const STALL = 'stall'
const TICK_MS = 50

export interface StallOptions {
  /** What is longer than this is a stall. */
  readonly afterMs: number
  /** How long its effects last. */
  readonly aftermathMs: number
}

export class StallWatch {
  readonly #journal: EventSink<FaultEvent>
  readonly #options: StallOptions

  constructor(journal: EventSink<FaultEvent>, options: StallOptions) {
    this.#journal = journal
    this.#options = options
    let last = now()
    setInterval(() => {
      this.#judge('process', last)
      last = now()
    }, TICK_MS).unref()
  }

  /** The call, whose duration is watched. */
  async during<T>(what: string, call: () => Promise<T>): Promise<T> {
    const from = now()
    try {
      return await call()
    } finally {
      this.#judge(what, from)
    }
  }

  #judge(what: string, from: number): void {
    const at = now()
    const { afterMs, aftermathMs } = this.#options
    if (at - from <= afterMs) return
    this.#journal.write({ kind: 'fault', at: from, until: at + aftermathMs, name: `${STALL}: ${what}` })
  }
}

export function isStall({ name }: FaultEvent): boolean {
  return name.startsWith(STALL)
}

/** How many came when nothing had been broken just then. */
export function unplannedStalls(faults: readonly FaultEvent[]): number {
  const planned = faults.filter((fault) => !isStall(fault))
  return faults.filter((stall) =>
    isStall(stall) && !planned.some(({ at, until }) => at <= stall.until && until >= stall.at)).length
}
