/**
 * What a publisher hands to its runner: the events of a page, or those of held streams whose time has come, and what
 * their outcomes mean for the part they are of.
 */
import type { Answer, Outcome, PulledBatch, RunnerItem } from '../runner/source.js'
import type { StorePage } from './contract.js'
import type { JournalEvent } from './event.js'
import type { FailurePolicy, PublisherSettings } from './publisher-options.js'
import { streamKey, type Hold, type OpenPage, type WorkingPart } from './publisher-part.js'

export interface PublisherItem extends RunnerItem {
  readonly event: JournalEvent
  readonly batch: PublisherBatch
}

export interface PublisherBatch extends PulledBatch<PublisherItem> {
  readonly part: WorkingPart
  leaseMs: number
  /** Every event has its outcome. */
  readonly isDone: boolean
  /** Asked when the event's turn has come. To settle what may not start as delivered changes nothing. */
  mayStart(event: JournalEvent): boolean
  /** Settling an event again answers the same and changes nothing. */
  settle(outcome: Outcome, now: number): Answer
}

/** What an outcome other than a delivery means, by the publisher's policy. */
interface Verdict {
  readonly kind: 'untried' | 'again' | 'dead'
  readonly attempts: number
  readonly retryInMs: number
  readonly error: string
  readonly answer: Answer
}

export type Judge = (outcome: Outcome, event: JournalEvent, attempt: number) => Verdict

/** @param stop called when the policy says that the publisher ends here. */
export function judge(settings: PublisherSettings, stop: (event: JournalEvent, error: string) => void): Judge {
  return (outcome, event, attempt) => {
    const error = 'error' in outcome ? outcome.error ?? '' : ''
    if (outcome.kind === 'release') {
      const kind = error === '' ? 'untried' : 'again'
      return { kind, attempts: attempt - 1, retryInMs: outcome.retryInMs ?? 0, error, answer: 'released' }
    }
    const isSpent = outcome.kind === 'dead' || attempt >= settings.maxAttempts
    const policy = isSpent ? policyFor(settings, event) : 'hold'
    if (policy === 'dead_letter') {
      return { kind: 'dead', attempts: attempt, retryInMs: 0, error, answer: 'dead_lettered' }
    }
    if (policy === 'stop') stop(event, error)
    const retryInMs = outcome.kind === 'retry' ? outcome.retryInMs : settings.longestRetryMs
    return { kind: 'again', attempts: attempt, retryInMs, error, answer: 'requeued' }
  }
}

/** A policy that fails, or asks for what cannot be kept, holds: nothing is lost by that. */
function policyFor({ policyOf, keepsDeadLetters }: PublisherSettings, event: JournalEvent): FailurePolicy {
  try {
    const policy = policyOf(event)
    return policy === 'dead_letter' && !keepsDeadLetters ? 'hold' : policy
  } catch {
    return 'hold'
  }
}

export class PageBatch implements PublisherBatch {
  readonly id: string
  items: readonly PublisherItem[]
  readonly part: WorkingPart
  readonly solo = false
  leaseMs = 0
  readonly #open: OpenPage
  readonly #judge: Judge
  readonly #answers = new Map<string, Answer>()

  constructor(part: WorkingPart, page: StorePage, isFollowed: (event: JournalEvent) => boolean, judge: Judge) {
    const items: PublisherItem[] = []
    this.part = part
    this.id = claimToken(part)
    this.#judge = judge
    this.#open = part.open(page, isFollowed, (event) => items.push(itemOf(this, event, 1)))
    this.items = items
  }

  get isDone(): boolean {
    return this.#open.pending === 0
  }

  /**
   * Leaves out what may not be started any more, as when the page had to wait: events whose stream is held since, and
   * all when an event before them was given back untried. Answers whether anything is left.
   */
  isStillDue(now: number): boolean {
    if (this.#open.pending === this.items.length && !this.part.hasReturned) return true
    if (this.part.hasReturned) for (const { id } of this.items) this.settle({ id, kind: 'release' }, now)
    this.items = this.items.filter(({ id }) => this.#open.isPending(id))
    return this.items.length > 0
  }

  /** A stream that is held since the page was read is published from the stream itself. */
  mayStart(event: JournalEvent): boolean {
    return this.part.holds.size === 0 || !this.part.holds.has(streamKey(event))
  }

  settle(outcome: Outcome, now: number): Answer {
    const place = this.#open.placeOf(outcome.id)
    if (outcome.kind === 'ack') {
      this.part.delivered(this.#open, place)
      return 'delivered'
    }
    const answered = this.#answers.get(outcome.id)
    const event = this.#open.page.events[place]
    if (answered !== undefined || event === undefined) return answered ?? 'lost_claim'
    const { kind, attempts, retryInMs, error, answer } = this.#judge(outcome, event, 1)
    this.#answers.set(outcome.id, answer)
    if (kind === 'untried') this.part.returned(this.#open, place)
    else if (kind === 'again') {
      this.part.hold(this.#open, place, { from: event.sequence, attempts, dueAt: now + retryInMs, error })
    } else {
      this.part.giveUp(deadOf(event, attempts, error))
      this.part.hold(this.#open, place, { from: event.sequence + 1n, attempts: 0, dueAt: now, error: '' })
    }
    return answer
  }
}

/** Of one held stream: its next events, and how far they were read. */
export interface HeldEvents {
  readonly hold: Hold
  readonly events: readonly JournalEvent[]
  /** Up to here the stream was read, also past what is not followed. */
  readonly readTo: bigint
}

export class HeldBatch implements PublisherBatch {
  readonly id: string
  readonly items: readonly PublisherItem[]
  readonly part: WorkingPart
  readonly solo = false
  leaseMs = 0
  readonly #events = new Map<string, PublisherItem>()
  readonly #streams: readonly HeldEvents[]
  readonly #judge: Judge
  readonly #answers = new Map<string, Answer>()

  constructor(part: WorkingPart, streams: readonly HeldEvents[], judge: Judge) {
    this.part = part
    this.id = claimToken(part)
    this.#judge = judge
    this.#streams = streams
    this.items = streams.flatMap(({ hold, events }) =>
      events.map((event) => itemOf(this, event, event.sequence === hold.from ? hold.attempts + 1 : 1)))
    for (const item of this.items) this.#events.set(item.id, item)
    for (const { hold } of streams) hold.busy = true
  }

  get isDone(): boolean {
    return this.#answers.size === this.items.length
  }

  mayStart(): boolean {
    return true
  }

  settle(outcome: Outcome, now: number): Answer {
    const answered = this.#answers.get(outcome.id)
    const item = this.#events.get(outcome.id)
    if (answered !== undefined || item === undefined) return answered ?? 'lost_claim'
    const answer = this.#settle(outcome, item, now)
    this.#answers.set(outcome.id, answer)
    if (this.isDone) this.close(now)
    return answer
  }

  #settle(outcome: Outcome, { event, attempt }: PublisherItem, now: number): Answer {
    const key = streamKey(event)
    const next = { from: event.sequence + 1n, attempts: 0, dueAt: now, error: '' }
    if (outcome.kind === 'ack') {
      this.part.published(event)
      this.part.advance(key, next)
      return 'delivered'
    }
    const { kind, attempts, retryInMs, error, answer } = this.#judge(outcome, event, attempt)
    if (kind === 'again') {
      this.part.advance(key, { from: event.sequence, attempts, dueAt: now + retryInMs, error })
    } else if (kind === 'dead') {
      this.part.giveUp(deadOf(event, attempts, error))
      this.part.advance(key, next)
    }
    return answer
  }

  /** What was read of a stream and is not followed is behind it, once all before it is. */
  close(now: number): void {
    for (const { hold, events, readTo } of this.#streams) {
      hold.busy = false
      const last = events.at(-1)
      const isThrough = last === undefined || hold.from === last.sequence + 1n
      if (isThrough && readTo >= hold.from) this.part.advance(streamKey(hold), { from: readTo + 1n, dueAt: now })
    }
  }
}

function itemOf(batch: PublisherBatch, event: JournalEvent, attempt: number): PublisherItem {
  return {
    id: event.id, type: event.type, attempt, bytes: event.payload.byteLength, event, batch, chain: streamKey(event),
    // A fact does not grow too old to be published.
    ageMs: 0,
  }
}

function claimToken({ part, term }: WorkingPart): string {
  return `${part}:${term}`
}

function deadOf({ id, scope, stream, sequence, type }: JournalEvent, attempts: number, error: string) {
  return { id, scope, stream, sequence, type, attempts, error }
}
