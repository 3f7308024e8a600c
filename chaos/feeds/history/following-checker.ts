/**
 * Judges a history of feeds and their subscribers: what producers meant, what the receivers got, who was the
 * subscriber, what was told to be lost, and what there is in the end.
 *
 * It knows nothing of stores. It reads each event once, in the order of `at`, and keeps a few facts per result; what
 * can be said at once is (followers.ts, tenures.ts), the rest when all has been read (rules.ts).
 */
import type { FaultEvent } from 'waybill/testkit'
import type { GapEvent, OwnerEvent, ProducerEvent, ReceivedEvent, RunEvent, SeenResult } from './events.js'
import { Followers } from './followers.js'
import { Records, type ResultRecord, type TransactionRecord } from './records.js'
import { judgeRecords, type Ending } from './rules.js'
import { Tenures } from './tenures.js'
import type { CheckerOptions, Report, Verdict, Violation } from './verdict.js'

/** At most this many violations are kept of each rule, with their examples; more of a broken run say nothing new. */
const MAX_OF_A_RULE = 20

export class FollowingChecker {
  readonly #options: CheckerOptions
  readonly #records = new Records()
  readonly #followers: Followers
  readonly #tenures: Tenures
  readonly #faults: FaultEvent[] = []
  /** By subscriber and result: every time it was accepted. */
  readonly #accepted = new Map<string, { readonly record: ResultRecord; readonly events: ReceivedEvent[] }>()
  readonly #delivered = new Map<ResultRecord, ReceivedEvent>()
  readonly #ending: Ending = { feeds: new Map(), checkpoints: [] }
  readonly #violations: Violation[] = []
  readonly #kept = new Map<string, number>()
  readonly #gaps = new Set<string>()
  #hasEnded = false
  #last = -Infinity

  constructor(options: CheckerOptions) {
    this.#options = options
    this.#followers = new Followers(options.subscribers, this.#report)
    this.#tenures = new Tenures(options.leaseMs, this.#report)
  }

  push(event: RunEvent): void {
    if (event.at < this.#last) this.#gaps.add(`an event at ${event.at} comes after one at ${this.#last}`)
    if (this.#hasEnded) this.#gaps.add('the history goes on after its end')
    this.#last = Math.max(this.#last, event.at)
    switch (event.kind) {
      case 'begin': return this.#begin(event)
      case 'began': return this.#began(event)
      case 'meant': case 'answered': return
      case 'wrote': return this.#wrote(event)
      case 'committed': case 'aborted': case 'unknown': return this.#ended(event)
      case 'received': return this.#received(event)
      case 'gap': return this.#gap(event)
      case 'taken': return this.#taken(event)
      case 'saved': return this.#saved(event)
      case 'gave': return this.#tenures.gave(event)
      case 'fault': return void this.#faults.push(event)
      case 'order': return this.#order(event)
      case 'feed': return void this.#ending.feeds.set(event.feed, event)
      case 'checkpoint': return void this.#ending.checkpoints.push(event)
      case 'end': this.#hasEnded = true
    }
  }

  finish(): Verdict {
    const gap = (text: string): void => void this.#gaps.add(text)
    if (!this.#hasEnded) gap('the history has no end')
    const counts = judgeRecords({
      records: this.#records, followers: this.#followers, tenures: this.#tenures, faults: this.#faults,
      accepted: this.#accepted.values(), delivered: this.#delivered, ending: this.#ending,
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
    this.#records.transactions.set(event.tx, { begun: event, ended: undefined, results: [], isStored: false })
  }

  #began(event: Extract<ProducerEvent, { kind: 'began' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    const { feed, incarnation } = event
    const isKnown = this.#records.has(feed, incarnation)
    const record = this.#records.incarnation(feed, incarnation)
    if (isKnown) this.#report('incarnation', `${feed} ${incarnation}`, record.began?.event, event)
    record.began ??= { event, transaction }
  }

  #wrote(event: Extract<ProducerEvent, { kind: 'wrote' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    const { results } = this.#records.incarnation(event.feed, event.incarnation)
    for (const written of event.results) {
      const record: ResultRecord = { ...written, transaction, wrote: event }
      if (this.#records.results.has(written.result)) this.#gaps.add(`result ${written.result} was written twice`)
      this.#records.results.set(written.result, record)
      results.push(record)
      transaction.results.push(record)
    }
  }

  #ended(event: Extract<ProducerEvent, { kind: 'committed' | 'aborted' | 'unknown' }>): void {
    const transaction = this.#transaction(event)
    if (transaction === undefined) return
    if (transaction.ended !== undefined) this.#gaps.add(`transaction ${event.tx} ends twice`)
    transaction.ended = event
  }

  #received(event: ReceivedEvent): void {
    const { snapshot, results = [], feed } = event
    this.#tenures.received(event)
    if (snapshot !== undefined) {
      const { snapshots } = this.#records.incarnation(feed, snapshot.incarnation)
      if (event.accepted) snapshots.push({ event, seen: snapshot })
      this.#followers.snapshot(event, { feed, ...snapshot })
    }
    const records = results.flatMap((seen) => this.#seen(event, seen))
    for (const incarnation of new Set(records.map(({ wrote }) => wrote.incarnation))) {
      const sequences = records.filter(({ wrote }) => wrote.incarnation === incarnation).map(({ sequence }) => sequence)
      this.#followers.received(event, incarnation, sequences)
    }
  }

  /** A result that nobody wrote is none. */
  #seen(event: ReceivedEvent, [sequence, result, digest]: SeenResult): ResultRecord[] {
    const record = this.#records.results.get(result)
    if (record === undefined) {
      this.#report('phantom', result, event)
      return []
    }
    if (record.sequence !== sequence || record.digest !== digest || record.wrote.feed !== event.feed) {
      this.#report('bytes', result, record.wrote, event)
    }
    if (!this.#delivered.has(record)) this.#delivered.set(record, event)
    if (event.accepted) {
      const key = `${event.subscriber} ${result}`
      const known = this.#accepted.get(key)
      if (known === undefined) this.#accepted.set(key, { record, events: [event] })
      else known.events.push(event)
    }
    return [record]
  }

  /** The feed keeps its last results, as many as its capacity; what is told to be lost begins behind what was done. */
  #gap(event: GapEvent): void {
    const { feed, reason, requested, earliest, latest, lost, action, subscriber } = event
    const first = Math.max(1, latest - (this.#options.capacities[feed] ?? 0) + 1)
    const from = reason === 'evicted' ? requested + 1 : 1
    const to = action === 'reset' ? latest : earliest - 1
    const isRange = from <= to ? lost?.[0] === from && lost[1] === to : lost === undefined
    if (earliest !== first || !isRange) this.#report('gap', `${subscriber}: ${feed}`, event)
    this.#followers.gap(event)
  }

  #taken(event: Extract<OwnerEvent, { kind: 'taken' }>): void {
    this.#tenures.taken(event)
    // Also of saves of which nobody had an answer.
    this.#stored(event)
  }

  #saved(event: Extract<OwnerEvent, { kind: 'saved' }>): void {
    this.#tenures.saved(event)
    if (event.isWritten) this.#stored(event)
  }

  #stored(event: Extract<OwnerEvent, { kind: 'taken' | 'saved' }>): void {
    const { subscriber, checkpoints } = event
    for (const place of checkpoints) {
      this.#followers.stored(subscriber, place)
      if (this.#followers.isDone(subscriber, place)) continue
      this.#report('checkpoint', `${subscriber}: ${place.feed} ${place.incarnation} ${place.sequence}`, event)
    }
  }

  #order(event: { readonly tx: string }): void {
    const transaction = this.#transaction(event)
    if (transaction !== undefined) transaction.isStored = true
  }

  #transaction(event: { readonly tx: string }): TransactionRecord | undefined {
    const transaction = this.#records.transactions.get(event.tx)
    if (transaction === undefined) this.#gaps.add(`transaction ${event.tx} never began`)
    return transaction
  }
}
