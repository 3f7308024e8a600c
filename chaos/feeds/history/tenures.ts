/**
 * Which process was which subscriber, by the answers that they got, and whether anybody did something under a term that
 * was over.
 *
 * A term only grows. So once somebody was answered a term, whatever is begun later under a lower one is stale, however
 * the two interleave: the answer was here before the other was begun.
 */
import type { OwnerEvent, ReceivedEvent } from './events.js'
import type { Report } from './verdict.js'

type Taken = Extract<OwnerEvent, { kind: 'taken' }>

/** Leases are in whole milliseconds of another clock. */
const CLOCK_MARGIN_MS = 20

export class Tenures {
  refusedSaves = 0
  /** Begun under a term that was over, with the answer that proves it. */
  readonly staleDeliveries: { readonly delivery: ReceivedEvent; readonly over: Taken }[] = []
  readonly #leaseMs: number
  readonly #report: Report
  /** By subscriber: the first answer of each term, ascending. */
  readonly #terms = new Map<string, Taken[]>()
  /** By subscriber: the last answer to whom it is. */
  readonly #grants = new Map<string, Taken>()

  constructor(leaseMs: number, report: Report) {
    this.#leaseMs = leaseMs
    this.#report = report
  }

  get count(): number {
    let count = 0
    for (const terms of this.#terms.values()) count += terms.length
    return count
  }

  taken(event: Taken): void {
    const { subscriber, term, owner, at } = event
    if (term === undefined) return
    const terms = this.#terms.get(subscriber) ?? []
    this.#terms.set(subscriber, terms)
    if (term > (terms.at(-1)?.term ?? -1)) terms.push(event)
    const before = this.#grants.get(subscriber)
    if (before !== undefined && (before.term ?? 0) > term) return
    const isHeld = before !== undefined && before.owner !== owner
      && at + CLOCK_MARGIN_MS < before.askedAt + this.#leaseMs
    if (isHeld) this.#report('two-owners', subscriber, before, event)
    this.#grants.set(subscriber, event)
  }

  saved(event: Extract<OwnerEvent, { kind: 'saved' }>): void {
    if (!event.isWritten) this.refusedSaves += 1
    else {
      const over = this.#over(event.subscriber, event.term, event.at)
      if (over !== undefined) this.#report('stale-save', event.subscriber, over, event)
    }
  }

  gave({ subscriber, owner }: Extract<OwnerEvent, { kind: 'gave' }>): void {
    if (this.#grants.get(subscriber)?.owner === owner) this.#grants.delete(subscriber)
  }

  received(delivery: ReceivedEvent): void {
    const over = this.#over(delivery.subscriber, delivery.term, delivery.begunAt)
    if (over !== undefined) this.staleDeliveries.push({ delivery, over })
  }

  /** The answer, before `at`, by which the term was over. */
  #over(subscriber: string, term: number, at: number): Taken | undefined {
    const over = this.#terms.get(subscriber)?.find((taken) => (taken.term ?? 0) > term)
    return over !== undefined && over.at < at ? over : undefined
  }
}
