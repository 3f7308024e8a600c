/**
 * Judges a run of the inbox by the tables as they are at its end, and by what the consumers were told.
 *
 * - `lost`: a message that was delivered and acknowledged has had no effect.
 * - `duplicate`: it has had more than one.
 * - `phantom`: an effect of a message that nobody was sent.
 * - `record`: an effect without its record, or a record without its effect.
 * - `twice`: two deliveries were told that theirs was the one.
 */
import { messageOf } from './plan.js'
import type { DeliveryEvent, FinalState } from './events.js'

export type InboxRule = 'lost' | 'duplicate' | 'phantom' | 'record' | 'twice'

export interface InboxViolation {
  readonly rule: InboxRule
  readonly message: string
  readonly example: readonly unknown[]
}

export interface InboxVerdict {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly violations: readonly InboxViolation[]
  /** From these nothing follows. */
  readonly gaps: readonly string[]
  /** Committed, of all messages. */
  readonly effects: number
  /** Deliveries by how they ended, one for each message of a transaction. */
  readonly deliveries: Readonly<Record<DeliveryEvent['end'], number>>
}

interface Seen {
  readonly events: DeliveryEvent[]
  effects: number
  records: number
}

export class InboxJudge {
  readonly #messages = new Map<string, Seen>()
  readonly #deliveries = { done: 0, skipped: 0, in_progress: 0, aborted: 0, unknown: 0 }

  push(event: DeliveryEvent): void {
    for (const number of event.messages) this.#seen(messageOf(number)).events.push(event)
    this.#deliveries[event.end] += event.messages.length
  }

  /** `count`: of the messages that were to be delivered, from number 0 on. */
  finish(count: number, { effects, records }: FinalState): InboxVerdict {
    for (const message of effects) this.#seen(message).effects += 1
    for (const message of records) this.#seen(message).records += 1
    const wanted = new Set(Array.from({ length: count }, (_, number) => messageOf(number)))
    const violations = [...this.#messages]
      .flatMap(([message, seen]) => rulesBroken(seen, wanted.has(message))
        .map((rule) => ({ rule, message, example: seen.events.slice(0, 5) })))
    const gaps = [...wanted].filter((message) => !this.#isAcknowledged(message))
      .map((message) => `no delivery of ${message} was acknowledged`)
    const verdict = violations.length > 0 ? 'invalid' : gaps.length > 0 || count === 0 ? 'unknown' : 'valid'
    return { verdict, violations, gaps, effects: effects.length, deliveries: this.#deliveries }
  }

  #isAcknowledged(message: string): boolean {
    return this.#messages.get(message)?.events.some(({ end }) => end === 'done' || end === 'skipped') === true
  }

  #seen(message: string): Seen {
    const seen = this.#messages.get(message) ?? { events: [], effects: 0, records: 0 }
    this.#messages.set(message, seen)
    return seen
  }
}

function rulesBroken({ events, effects, records }: Seen, isWanted: boolean): InboxRule[] {
  const told = events.filter(({ end }) => end === 'done').length
  const isTold = told > 0 || events.some(({ end }) => end === 'skipped')
  return [
    ...(isTold && effects === 0 ? ['lost' as const] : []),
    ...(effects > 1 ? ['duplicate' as const] : []),
    ...(effects > 0 && !isWanted ? ['phantom' as const] : []),
    ...((effects > 0) === (records > 0) && records < 2 ? [] : ['record' as const]),
    ...(told > 1 ? ['twice' as const] : []),
  ]
}
