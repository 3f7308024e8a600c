/**
 * Judges a history of the journal and its publishers: what producers meant, what the receivers got, who owned what,
 * and what there is in the end.
 *
 * It knows nothing of stores. It reads each event once, in the order of `at`, and keeps a few facts per event; what can
 * be said at once is (streams.ts, terms.ts), the rest when all has been read (rules.ts).
 */
import type { FaultEvent } from 'waybill/testkit'
import type { FinalEvent, ProducerEvent, ReceivedEvent, RunEvent } from './events.js'
import { Records, type TransactionRecord } from './records.js'
import { judgeRecords } from './rules.js'
import { Streams } from './streams.js'
import { Terms } from './terms.js'
import type { CheckerOptions, Report, Verdict, Violation } from './verdict.js'

/** At most this many violations are kept of each rule, with their examples; more of a broken run say nothing new. */
const MAX_OF_A_RULE = 20

export class PublishingChecker {
  readonly #options: CheckerOptions
  readonly #records = new Records()
  readonly #streams = new Streams()
  readonly #terms: Terms
  readonly #faults: FaultEvent[] = []
  readonly #violations: Violation[] = []
  readonly #kept = new Map<string, number>()
  readonly #gaps = new Set<string>()
  #end: Extract<FinalEvent, { kind: 'end' }> | undefined
  #last = -Infinity

  constructor(options: CheckerOptions) {
    this.#options = options
    this.#terms = new Terms(options.leaseMs, this.#report)
  }

  push(event: RunEvent): void {
    if (event.at < this.#last) this.#gaps.add(`an event at ${event.at} comes after one at ${this.#last}`)
    if (this.#end !== undefined) this.#gaps.add('the history goes on after its end')
    this.#last = Math.max(this.#last, event.at)
    switch (event.kind) {
      case 'begin': return this.#begin(event)
      case 'append': return this.#append(event)
      case 'committed': case 'aborted': case 'unknown': return this.#ended(event)
      case 'received': return this.#received(event)
      case 'taken': return this.#terms.taken(event)
      case 'saved': return this.#terms.saved(event)
      case 'gave': return this.#terms.gave(event)
      case 'fault': return void this.#faults.push(event)
      case 'stored': return this.#stored(event)
      case 'dead': return this.#dead(event)
      case 'end': this.#end = event
    }
  }

  finish(): Verdict {
    const gap = (text: string): void => void this.#gaps.add(text)
    if (this.#end === undefined) gap('the history has no end')
    const counts = judgeRecords({
      records: this.#records, streams: this.#streams, terms: this.#terms, faults: this.#faults, end: this.#end,
    }, this.#options, this.#report, gap)
    const verdict = this.#violations.length > 0 ? 'invalid' : this.#gaps.size > 0 ? 'unknown' : 'valid'
    return { verdict, violations: this.#violations, gaps: [...this.#gaps], counts }
  }

  readonly #report: Report = (rule, message, ...example) => {
    const kept = this.#kept.get(rule) ?? 0
    this.#kept.set(rule, kept + 1)
    if (kept >= MAX_OF_A_RULE) return
    this.#violations.push({ rule, message, example: example.filter((event) => event !== undefined) })
  }

  #begin(event: Extract<ProducerEvent, { kind: 'begin' }>): void {
    if (this.#records.transactions.has(event.tx)) this.#gaps.add(`transaction ${event.tx} begins twice`)
    this.#records.transactions.set(event.tx, { begun: event, ended: undefined, events: [] })
  }

  #append(event: Extract<ProducerEvent, { kind: 'append' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    const record = this.#records.event(event.event)
    record.appended ??= event
    record.transactions.push(transaction)
    transaction.events.push(record)
  }

  #ended(event: Extract<ProducerEvent, { kind: 'committed' | 'aborted' | 'unknown' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    if (transaction.ended !== undefined) this.#gaps.add(`transaction ${event.tx} ends twice`)
    transaction.ended = event
  }

  #received(event: ReceivedEvent): void {
    const record = this.#records.event(event.event)
    const { appended } = record
    if (appended !== undefined && (appended.digest !== event.digest || appended.stream !== event.stream)) {
      this.#report('bytes', event.event, appended, event)
    }
    record.firstReceived ??= event
    const givesUpAt = this.#options.poison(event.event)
    this.#streams.received(event, event.accepted || event.attempt >= (givesUpAt ?? Infinity))
    this.#terms.received(event)
    if (!event.accepted) return
    if (record.accepted === undefined) record.accepted = event
    else record.repeats.push(event)
  }

  #stored(event: Extract<FinalEvent, { kind: 'stored' }>): void {
    const record = this.#records.event(event.event)
    if (record.stored !== undefined) this.#report('twice', event.event, record.stored, event)
    record.stored = event
    this.#records.ids.set(event.id, record)
  }

  #dead(event: Extract<FinalEvent, { kind: 'dead' }>): void {
    const record = this.#records.ids.get(event.id)
    if (record === undefined) this.#report('phantom', event.id, event)
    else record.dead = event
  }

  #transaction(event: { readonly tx: string }): TransactionRecord | undefined {
    const transaction = this.#records.transactions.get(event.tx)
    if (transaction === undefined) this.#gaps.add(`transaction ${event.tx} never began`)
    return transaction
  }
}
