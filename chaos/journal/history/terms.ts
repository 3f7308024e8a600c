/**
 * Who owned what, by the answers that publishers got, and whether anybody did something under a term that was over.
 *
 * The term of a part only grows. So once somebody was answered a term, whatever is asked later under a lower one is
 * stale, however the two interleave: the answer was here before the other was asked.
 */
import type { OwnerEvent, PartState, ReceivedEvent } from './events.js'
import type { Report } from './verdict.js'

type Taken = Extract<OwnerEvent, { kind: 'taken' }>

interface Known {
  readonly term: number
  /** The first answer that told it. */
  readonly by: Taken
}

interface Grant {
  readonly owner: string
  readonly part: number
  readonly term: number
  readonly by: Taken
}

const SLOTS = 64
const ALL_SLOTS = (1n << BigInt(SLOTS)) - 1n
/** Leases are in whole milliseconds of another clock. */
const CLOCK_MARGIN_MS = 20

export class Terms {
  refusedSaves = 0
  /** Begun under a term that was over, with the answer that proves it. */
  readonly staleDeliveries: { readonly delivery: ReceivedEvent; readonly over: Taken }[] = []
  readonly #leaseMs: number
  readonly #report: Report
  /** By part, ascending. */
  readonly #parts = new Map<number, Known[]>()
  /** By slot, the highest. */
  readonly #slots = new Map<number, Known>()
  readonly #grants = new Map<number, Grant>()

  constructor(leaseMs: number, report: Report) {
    this.#leaseMs = leaseMs
    this.#report = report
  }

  /** How many the parts went through. */
  get count(): number {
    let count = 0
    for (const known of this.#parts.values()) count += known.length
    return count
  }

  taken(event: Taken): void {
    let all = 0n
    for (const state of event.parts) {
      const slots = BigInt(`0x${state.slots}`)
      if ((all & slots) !== 0n) this.#report('term', `part ${state.part}`, event)
      all |= slots
      this.#knowPart(state, event)
      for (let slot = 0; slot < SLOTS; slot += 1) {
        if (((slots >> BigInt(slot)) & 1n) === 1n) this.#knowSlot(slot, state, event)
      }
    }
    if (all !== ALL_SLOTS) this.#report('term', 'all slots', event)
  }

  saved(event: Extract<OwnerEvent, { kind: 'saved' }>): void {
    const over = this.#parts.get(event.part)?.find(({ term }) => term > event.term)
    if (!event.isWritten) this.refusedSaves += 1
    else if (over !== undefined) this.#report('stale-save', `part ${event.part}`, over.by, event)
  }

  gave({ owner, part }: Extract<OwnerEvent, { kind: 'gave' }>): void {
    for (const [slot, grant] of this.#grants) {
      if (grant.owner === owner && (part === undefined || grant.part === part)) this.#grants.delete(slot)
    }
  }

  received(event: ReceivedEvent): void {
    const over = this.#parts.get(event.part)?.find(({ term }) => term > event.term)
    if (over !== undefined && over.by.at < event.begunAt) this.staleDeliveries.push({ delivery: event, over: over.by })
  }

  #knowPart({ part, term }: PartState, by: Taken): void {
    const known = this.#parts.get(part) ?? []
    this.#parts.set(part, known)
    if (term > (known.at(-1)?.term ?? -1)) known.push({ term, by })
  }

  #knowSlot(slot: number, { part, term, owner }: PartState, by: Taken): void {
    const known = this.#slots.get(slot)
    if (known !== undefined && known.term > term) {
      if (known.by.at < by.askedAt) this.#report('term', `slot ${slot}`, known.by, by)
      return
    }
    if (known === undefined || term > known.term) this.#slots.set(slot, { term, by })
    if (owner !== by.owner) return
    const before = this.#grants.get(slot)
    const isHeld = before !== undefined && before.owner !== owner && before.term < term
      && by.at + CLOCK_MARGIN_MS < before.by.askedAt + this.#leaseMs
    if (isHeld) this.#report('two-owners', `slot ${slot}`, before.by, by)
    this.#grants.set(slot, { owner, part, term, by })
  }
}
