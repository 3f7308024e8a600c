/**
 * The progress of publishers in the memory of one process. Nothing is awaited inside a call, so each is a step that
 * nothing interleaves with.
 */
import { systemClock, type Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import { MAX_TIME } from '../../core/validate.js'
import type { StreamName } from '../../journal/event.js'
import {
  afterForget, afterGive, afterJoin, afterLeave, afterRebase, afterRedrive, afterRewind, afterTake,
} from '../../journal/parts.js'
import type {
  DeadEvent, DeadLettersRequest, GiveRequest, HeldDraft, HeldStream, HoldsRequest, JoinRequest, PartProgress,
  ProgressStore, PublishersRequest, PublisherState, PublisherSummary, PurgeDeadEvents, RebaseRequest,
  ResolveDeadEvents, RewindRequest, SaveRequest, TakeRequest,
} from '../../journal/progress.js'
import { NO_PUBLISHER, stateOf, type PublisherRecord } from '../../journal/publisher-record.js'
import { hasSlot } from '../../journal/slots.js'
import type { DeadAnswer } from '../../outbox/contract.js'

interface Hold extends Omit<HeldStream, 'retryInMs'> {
  readonly retryAt: number
}

/** It stays when it is forgotten, for its last term. */
interface Publisher {
  record: PublisherRecord
  readonly holds: Map<string, Hold>
  /** By the event's id, the latest last. */
  readonly dead: Map<string, DeadEvent>
}

export class MemoryProgressStore implements ProgressStore {
  readonly #now: Clock
  readonly #publishers = new Map<string, Publisher>()
  #lastDead = 0n
  #closed = false

  constructor({ now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#now = now
  }

  async look(publisher: string): Promise<PublisherState | undefined> {
    return stateOf(publisher, this.#find(publisher).record, this.#now())
  }

  async take(request: TakeRequest): Promise<PublisherState> {
    const now = this.#now()
    const { publisher } = request
    const record = afterTake(this.#find(publisher).record, request, now)
    this.#keep(publisher, record)
    return stateOf(publisher, record, now)
  }

  async save({ publisher, parts }: SaveRequest): Promise<readonly boolean[]> {
    const found = this.#find(publisher)
    return parts.map((part) => this.#savePart(found, part))
  }

  async give(request: GiveRequest): Promise<boolean> {
    return this.#change(request.publisher, (record) => afterGive(record, request))
  }

  async join(request: JoinRequest): Promise<boolean> {
    return this.#change(request.publisher, (record) => afterJoin(record, request))
  }

  async leave({ publisher, owner }: { readonly publisher: string; readonly owner: string }): Promise<void> {
    this.#change(publisher, (record) => afterLeave(record, owner))
  }

  async holds({ publisher, slots, limit }: HoldsRequest): Promise<readonly HeldStream[]> {
    const now = this.#now()
    return [...this.#find(publisher).holds.values()]
      .filter(({ slot }) => hasSlot(slots, slot))
      .sort((a, b) => a.retryAt - b.retryAt)
      .slice(0, limit)
      .map(({ retryAt, ...hold }) => ({ ...hold, retryInMs: Math.max(0, retryAt - now) }))
  }

  async list({ after, limit }: PublishersRequest): Promise<readonly PublisherSummary[]> {
    this.#assertOpen()
    const now = this.#now()
    const names = [...this.#publishers.keys()].filter((name) => inOrder(after, name) < 0).sort(inOrder)
    return names.flatMap((name) => {
      const { record, holds, dead } = this.#find(name)
      const state = stateOf(name, record, now)
      return state === undefined ? [] : [{ ...state, heldStreams: holds.size, deadLetters: dead.size }]
    }).slice(0, limit)
  }

  async rebase(request: RebaseRequest): Promise<void> {
    const { publisher } = request
    this.#keep(publisher, afterRebase(this.#find(publisher).record, request)).holds.clear()
  }

  async rewind({ publisher, scope, stream, slot, from, to }: RewindRequest): Promise<boolean> {
    if (!this.#change(publisher, (record) => afterRewind(record, slot))) return false
    const { holds } = this.#find(publisher)
    const hold = { scope, stream, slot, from, to, attempts: 0, retryInMs: 0, error: '' }
    if (from > to) holds.delete(keyOf(hold))
    else this.#hold(holds, hold)
    return true
  }

  async forget(publisher: string): Promise<boolean> {
    if (!this.#change(publisher, afterForget)) return false
    const { holds, dead } = this.#find(publisher)
    holds.clear()
    dead.clear()
    return true
  }

  async deadLetters({ publisher, scope, after, limit }: DeadLettersRequest): Promise<readonly DeadEvent[]> {
    return [...this.#find(publisher).dead.values()]
      .filter((letter) => letter.number > after && (scope === undefined || letter.scope === scope))
      .slice(0, limit)
  }

  async purgeDead({ publisher, olderThanMs, limit, dryRun }: PurgeDeadEvents): Promise<number> {
    this.#assertOpen()
    const diedBy = this.#now() - olderThanMs
    const old = [...this.#publishers]
      .filter(([name]) => publisher === undefined || name === publisher)
      .flatMap(([, { dead }]) => [...dead.values()].map((letter) => ({ dead, letter })))
      .filter(({ letter }) => letter.diedAt <= diedBy)
      .sort((a, b) => a.letter.diedAt - b.letter.diedAt)
      .slice(0, limit)
    if (!dryRun) for (const { dead, letter } of old) dead.delete(letter.id)
    return old.length
  }

  async resolveDead({ publisher, scope, numbers, action }: ResolveDeadEvents): Promise<readonly DeadAnswer[]> {
    const found = this.#find(publisher)
    const gone: DeadEvent[] = []
    const answers = numbers.map((number): DeadAnswer => {
      const letter = [...found.dead.values()].find((each) => each.number === number)
      if (letter === undefined || (scope !== undefined && letter.scope !== scope)) return 'not_dead'
      found.dead.delete(letter.id)
      gone.push(letter)
      return action === 'redrive' ? 'redriven' : 'discarded'
    })
    if (action === 'redrive' && gone.length > 0) {
      const { record, holds } = afterRedrive(found.record, gone)
      this.#keep(publisher, record)
      for (const hold of holds) this.#redrive(found.holds, hold)
    }
    return answers
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  #redrive(holds: Map<string, Hold>, hold: HeldDraft): void {
    const held = holds.get(keyOf(hold))
    const to = held !== undefined && held.to > hold.to ? held.to : hold.to
    if (held !== undefined && held.from <= hold.from) holds.set(keyOf(hold), { ...held, to })
    else this.#hold(holds, { ...hold, to })
  }

  #savePart(publisher: Publisher, progress: PartProgress): boolean {
    const { record, holds, dead } = publisher
    const { part: number, term, cursor } = progress
    const part = record.parts.find((each) => each.part === number && each.term === term)
    if (part === undefined) return false
    publisher.record = { ...record, parts: record.parts.map((each) => (each === part ? { ...part, cursor } : each)) }
    for (const name of progress.freed) holds.delete(keyOf(name))
    for (const hold of progress.held) this.#hold(holds, hold)
    for (const draft of progress.dead) {
      dead.delete(draft.id)
      dead.set(draft.id, { ...draft, number: this.#lastDead += 1n, diedAt: this.#now() })
    }
    return true
  }

  #hold(holds: Map<string, Hold>, { retryInMs, ...hold }: HeldDraft): void {
    holds.set(keyOf(hold), { ...hold, retryAt: Math.min(this.#now() + retryInMs, MAX_TIME) })
  }

  #change(publisher: string, change: (record: PublisherRecord) => PublisherRecord | undefined): boolean {
    const record = change(this.#find(publisher).record)
    if (record !== undefined) this.#keep(publisher, record)
    return record !== undefined
  }

  #find(publisher: string): Publisher {
    this.#assertOpen()
    return this.#publishers.get(publisher) ?? { record: NO_PUBLISHER, holds: new Map(), dead: new Map() }
  }

  #keep(publisher: string, record: PublisherRecord): Publisher {
    const kept = this.#find(publisher)
    kept.record = record
    this.#publishers.set(publisher, kept)
    return kept
  }

  #assertOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}

function keyOf({ scope, stream }: StreamName): string {
  return JSON.stringify([scope, stream])
}

/** By the bytes of their UTF-8. */
function inOrder(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}
