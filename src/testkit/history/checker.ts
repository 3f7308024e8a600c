/**
 * Judges a history of the outbox: what producers meant, what receivers got, and what was left in the end.
 *
 * It knows nothing of stores. It reads each event once, in the order of `at`, and keeps a few facts per message; the
 * rules that need the whole are applied at the end (rules.ts).
 */
import type { HistoryEvent } from './events.js'
import { judgeMessages } from './rules.js'
import { createRecord, type History, type MessageRecord, type TransactionRecord } from './records.js'
import type { CheckerOptions, Verdict, Violation } from './verdict.js'

/** At most this many violations are kept, with their examples; more of a broken run say nothing new. */
const MAX_VIOLATIONS = 100

/**
 * @example
 * const checker = new HistoryChecker({ ordering: 'block', recoveryMs: 5_000 })
 * for await (const line of lines) checker.push(JSON.parse(line))
 * const { verdict, violations } = checker.finish()
 */
export class HistoryChecker {
  readonly #options: CheckerOptions
  readonly #history: History = { transactions: new Map(), messages: new Map(), faults: [], end: undefined }
  readonly #violations: Violation[] = []
  readonly #gaps = new Set<string>()
  readonly #report = (violation: Violation): void => {
    if (this.#violations.length < MAX_VIOLATIONS) this.#violations.push(violation)
  }
  #last = -Infinity

  constructor(options: CheckerOptions) {
    this.#options = options
  }

  push(event: HistoryEvent): void {
    if (event.at < this.#last) this.#gaps.add(`an event at ${event.at} comes after one at ${this.#last}`)
    if (this.#history.end !== undefined) this.#gaps.add('the history goes on after its end')
    this.#last = Math.max(this.#last, event.at)
    switch (event.kind) {
      case 'begin': return this.#begin(event)
      case 'enqueue': return this.#enqueue(event)
      case 'committed': case 'aborted': case 'unknown': return this.#ended(event)
      case 'claimed': return this.#claimed(event)
      case 'settled': return this.#settled(event)
      case 'received': return this.#received(event)
      case 'fault': return void this.#history.faults.push(event)
      case 'final': return this.#final(event)
      case 'end': this.#history.end = event
    }
  }

  finish(): Verdict {
    if (this.#history.end === undefined) this.#gaps.add('the history has no end')
    const counts = judgeMessages(this.#history, this.#options, this.#report, (gap) => this.#gaps.add(gap))
    const verdict = this.#violations.length > 0 ? 'invalid' : this.#gaps.size > 0 ? 'unknown' : 'valid'
    return { verdict, violations: this.#violations, gaps: [...this.#gaps], counts }
  }

  #begin(event: Extract<HistoryEvent, { kind: 'begin' }>): void {
    if (this.#history.transactions.has(event.tx)) this.#gaps.add(`transaction ${event.tx} begins twice`)
    this.#history.transactions.set(event.tx, { begun: event, ended: undefined, messages: [] })
  }

  #enqueue(event: Extract<HistoryEvent, { kind: 'enqueue' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    const record = this.#record(event.message)
    if (record.enqueued !== undefined) this.#gaps.add(`message ${event.message} is enqueued twice`)
    record.enqueued = event
    record.transaction = transaction
    transaction.messages.push(record)
  }

  #ended(event: Extract<HistoryEvent, { kind: 'committed' | 'aborted' | 'unknown' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    if (transaction.ended !== undefined) this.#gaps.add(`transaction ${event.tx} ends twice`)
    transaction.ended = event
  }

  #claimed(event: Extract<HistoryEvent, { kind: 'claimed' }>): void {
    for (const message of event.messages) this.#record(message).claim = event
  }

  /** A settle that took effect although somebody else had claimed the message by then. */
  #settled(event: Extract<HistoryEvent, { kind: 'settled' }>): void {
    const { claim } = this.#record(event.message)
    if (claim !== undefined && claim.claim !== event.claim) {
      this.#report({ rule: 'stale-settle', message: event.message, example: [claim, event] })
    }
  }

  #received(event: Extract<HistoryEvent, { kind: 'received' }>): void {
    const record = this.#record(event.message)
    if (record.enqueued !== undefined && record.enqueued.digest !== event.digest) {
      this.#report({ rule: 'bytes', message: event.message, example: [record.enqueued, event] })
    }
    record.firstReceived ??= event
    if (!event.accepted) return
    if (record.accepted === undefined) record.accepted = event
    else record.repeats.push(event)
  }

  #final(event: Extract<HistoryEvent, { kind: 'final' }>): void {
    const record = this.#record(event.message)
    const { message } = event
    if (record.final !== undefined) this.#report({ rule: 'twice-in-table', message, example: [record.final, event] })
    record.final = event
  }

  #transaction(event: { readonly tx: string }): TransactionRecord | undefined {
    const transaction = this.#history.transactions.get(event.tx)
    if (transaction === undefined) this.#gaps.add(`transaction ${event.tx} never began`)
    return transaction
  }

  #record(message: string): MessageRecord {
    const known = this.#history.messages.get(message)
    if (known !== undefined) return known
    const record = createRecord(message)
    this.#history.messages.set(message, record)
    return record
  }
}
