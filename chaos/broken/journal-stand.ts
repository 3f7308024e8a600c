/**
 * A stand for one small run of the journal in one process: producers and publishers are driven step by step, the
 * store's clock moves only when told to, and the same checker judges as in the large runs.
 */
import { createHash } from 'node:crypto'
import {
  createWaybill, permanentError, type JournalEvent, type JournalStore, type ProgressStore, type Publisher,
  type PublishOptions, type Store,
} from 'waybill'
import { postgres } from 'waybill/postgres'
import { sqlite } from 'waybill/sqlite'
import { TestClock } from 'waybill/testkit'
import { now } from '../history/journal.js'
import type { RunEvent } from '../journal/history/events.js'
import { PublishingChecker } from '../journal/history/publishing-checker.js'
import type { Verdict } from '../journal/history/verdict.js'
import { givenUpAt } from '../journal/judge.js'
import { recordingProgress } from '../journal/recording-progress.js'
import { isPoison, isRefused, NAME_HEADER, POISON_ATTEMPTS } from '../plan.js'
import { KillPoints } from '../processes/kill-points.js'
import type { StandPlace, StandWaybill } from './stand.js'

export const NAME = 'broken'
export const LEASE_MS = 60_000
/** Longer than all that the clock is moved. */
const RECOVERY_MS = 3_600_000
const START = 1_700_000_000_000
/** As publishers store it. */
const FOLLOW = 'all'

export interface Fact {
  readonly event: string
  readonly stream: string
}

type Delivered = Pick<JournalEvent, 'id' | 'stream' | 'sequence' | 'headers'> & { readonly bytes: Uint8Array }

export class JournalStand {
  readonly store: Store
  readonly waybill: StandWaybill
  readonly clock = new TestClock(START)
  readonly place: StandPlace
  /** What the receiver does with an attempt that it may accept. */
  fails: (event: string, attempt: number) => boolean = () => false
  readonly #events: RunEvent[] = []
  #publishers = 0

  private constructor(place: StandPlace) {
    this.place = place
    this.store = 'path' in place ? sqlite({ ...place, now: this.clock.now }) : postgres(place)
    this.waybill = createWaybill({ store: this.store })
  }

  static async open(place: StandPlace): Promise<JournalStand> {
    const stand = new JournalStand(place)
    await stand.waybill.migrate()
    return stand
  }

  get journal(): JournalStore {
    return this.store.journal as JournalStore
  }

  get progress(): ProgressStore {
    return this.store.progress as ProgressStore
  }

  begin(tx: string): void {
    this.#events.push({ kind: 'begin', at: this.#now(), tx })
  }

  end(kind: 'committed' | 'aborted' | 'unknown', tx: string): void {
    const at = this.#now()
    this.#events.push(kind === 'committed' ? { kind, at, tx, sequences: {} } : { kind, at, tx })
  }

  /** Writes down that these are about to be appended, and returns what to append. */
  drafts(tx: string, facts: readonly Fact[]) {
    return facts.map(({ event, stream }) => {
      const payload = Buffer.from(event)
      this.#events.push({ kind: 'append', at: this.#now(), tx, event, stream, digest: digestOf(payload) })
      return { stream, type: 'thing.happened', headers: { [NAME_HEADER]: event }, payload }
    })
  }

  /** A transaction as it should be. */
  async produce(tx: string, facts: readonly Fact[]): Promise<void> {
    this.begin(tx)
    await this.waybill.transaction((handle) => this.waybill.journal.append(handle, this.drafts(tx, facts)))
    this.end('committed', tx)
  }

  /** The receiver. @throws what a publish function should. */
  receive(
    { id, stream, sequence, headers, bytes }: Delivered, attempt: number, claimToken = '1:1', begunAt = this.#now(),
  ): void {
    const event = headers[NAME_HEADER] ?? id
    const [part = 0, term = 0] = claimToken.split(':').map(Number)
    const isFailing = this.fails(event, attempt)
    const accepted = !isFailing && !isPoison(event)
    this.#events.push({
      kind: 'received', at: this.#now(), event, digest: digestOf(bytes), accepted, id, stream,
      sequence: Number(sequence), attempt, part, term, begunAt,
    })
    if (isFailing || (!accepted && !isRefused(event))) throw new Error('not now')
    if (!accepted) throw permanentError('never')
  }

  /** What it takes and saves is written down. */
  recording(owner: string, progress: ProgressStore = this.progress): ProgressStore {
    return recordingProgress(progress, owner, {
      journal: { write: (event) => void this.#events.push(event) }, points: new KillPoints(), now: () => this.#now(),
    })
  }

  publisher(options: Partial<PublishOptions> = {}, progress: ProgressStore = this.progress): Publisher {
    this.#publishers += 1
    const owner = `publisher ${this.#publishers}`
    const waybill = createWaybill({ store: { ...this.store, progress: this.recording(owner, progress) } })
    return waybill.publisher({
      name: NAME, consumer: owner, leaseMs: LEASE_MS, concurrency: 1, saveEveryMs: 0, maxAttempts: POISON_ATTEMPTS,
      retry: { baseMs: 0, maxMs: 0 },
      onFailure: ({ headers }) => (isPoison(headers[NAME_HEADER] ?? '') ? 'dead_letter' : 'hold'),
      publish: (event, { claimToken }) => this.receive(event, event.attempt, claimToken),
      ...options,
    })
  }

  /** One that publishes what is due and stops in order. */
  async publishAll(options: Partial<PublishOptions> = {}, progress?: ProgressStore): Promise<void> {
    this.clock.advance(LEASE_MS)
    const publisher = this.publisher(options, progress)
    for (let round = 0; round < 2 * POISON_ATTEMPTS; round += 1) await publisher.drain()
    await publisher.stop()
  }

  /** All parts for this owner, as somebody without a publisher would take them. */
  take(progress: ProgressStore, owner: string) {
    return progress.take({ publisher: NAME, owner, leaseMs: LEASE_MS, follow: FOLLOW, start: undefined })
  }

  async finish(): Promise<Verdict> {
    const checker = new PublishingChecker({ recoveryMs: RECOVERY_MS, leaseMs: LEASE_MS, poison: givenUpAt })
    const { events } = await this.waybill.journal.readAll()
    for (const event of this.#events.toSorted((a, b) => a.at - b.at)) checker.push(event)
    for (const { id, stream, sequence, headers, payload } of events) {
      const event = headers[NAME_HEADER] ?? id
      checker.push({
        kind: 'stored', at: this.#now(), event, id, stream, sequence: Number(sequence), digest: digestOf(payload),
      })
    }
    const dead = await this.progress.deadLetters({ publisher: NAME, scope: undefined, after: 0n, limit: 1_000 })
    for (const { id, attempts } of dead) checker.push({ kind: 'dead', at: this.#now(), id, attempts })
    const [summary] = await this.progress.list({ after: '', limit: 1 })
    checker.push({
      kind: 'end', at: this.#now(), rows: events.length, heldStreams: summary?.heldStreams ?? 0, unfinished: [],
    })
    return checker.finish()
  }

  /** As far on as the store's clock is. */
  #now(): number {
    return now() + this.clock.now() - START
  }

  async close(): Promise<void> {
    await this.waybill.close()
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
