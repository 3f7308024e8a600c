/**
 * A stand for one small run in one process: producers and relays are driven step by step, the store's clock moves only
 * when told to, and the same checker judges as in the large runs.
 */
import { createHash } from 'node:crypto'
import {
  createWaybill, permanentError, type DlqHeap, type LaneOrdering, type OutboxMessage, type OutboxStore, type Relay,
  type Store, type Transport, type Waybill,
} from 'waybill'
import { postgres } from 'waybill/postgres'
import { sqlite } from 'waybill/sqlite'
import { HistoryChecker, TestClock, type HistoryEvent, type Verdict } from 'waybill/testkit'
import { now } from '../history/journal.js'
import { TARGET } from '../outbox/plan.js'
import { ClaimRecord, recordingStore } from '../outbox/recording-store.js'
import { isHopeless, isPoison, isRefused, NAME_HEADER } from '../plan.js'
import { KillPoints } from '../processes/kill-points.js'

export const LANE = 'orders'
export const LEASE_MS = 60_000
const RETRY_MS = 1_000
const RECOVERY_MS = 60_000

export type StandWaybill = Waybill<unknown, unknown, Readonly<Record<never, never>>, boolean>
export type StandPlace = { readonly path: string } | { readonly url: string; readonly schema: string }

export interface Draft {
  readonly message: string
  readonly key?: string
  readonly maxAttempts?: number
  /** As it is enqueued, byte for byte. */
  readonly text?: string
}

export interface StandOptions {
  readonly place: StandPlace
  /** As the history is judged, and as the lane is declared unless `declared` says otherwise. */
  readonly ordering: LaneOrdering
  readonly declared?: LaneOrdering | undefined
}

export class Stand {
  readonly store: Store
  readonly waybill: StandWaybill
  readonly clock = new TestClock(1_700_000_000_000)
  readonly place: StandPlace
  /** What the receiver does with an attempt that it may accept. */
  fails: (message: string, attempt: number) => boolean = () => false
  readonly #options: StandOptions
  readonly #events: HistoryEvent[] = []
  readonly #record = new ClaimRecord({ write: (event) => void this.#events.push(event) })

  private constructor(options: StandOptions) {
    this.#options = options
    this.place = options.place
    this.store = this.storeWith(this.clock.now)
    const { ordering, declared = ordering } = options
    this.waybill = createWaybill({ store: this.store, lanes: { [LANE]: { ordering: declared } } })
  }

  static async open(options: StandOptions): Promise<Stand> {
    const stand = new Stand(options)
    await stand.waybill.migrate()
    return stand
  }

  /** The stand's database by another clock. */
  storeWith(clock: () => number): Store {
    const { place } = this.#options
    return 'path' in place ? sqlite({ ...place, now: clock }) : postgres(place)
  }

  write(event: HistoryEvent): void {
    this.#events.push(event)
  }

  begin(tx: string): void {
    this.write({ kind: 'begin', at: now(), tx })
  }

  end(kind: 'committed' | 'aborted' | 'unknown', tx: string): void {
    this.write({ kind, at: now(), tx })
  }

  /** Writes down that these are about to be enqueued, and returns what to enqueue. */
  drafts(tx: string, drafts: readonly Draft[]): readonly ReturnType<typeof draftOf>[] {
    return drafts.map((draft) => {
      const { message, key } = draft
      this.write({ kind: 'enqueue', at: now(), tx, message, key, digest: digestOf(Buffer.from(textOf(draft))) })
      return draftOf(draft)
    })
  }

  /** A transaction as it should be. */
  async produce(tx: string, drafts: readonly Draft[]): Promise<void> {
    this.begin(tx)
    await this.waybill.transaction((handle) => this.waybill.outbox.enqueueMany(handle, this.drafts(tx, drafts)))
    this.end('committed', tx)
  }

  /** The receiver. @throws what a transport should. */
  receive(message: string, bytes: Uint8Array, attempt: number): void {
    const isFailing = isHopeless(message) || this.fails(message, attempt)
    const accepted = !isFailing && !isRefused(message)
    this.write({ kind: 'received', at: now(), message, digest: digestOf(bytes), accepted })
    if (isFailing) throw new Error('not now')
    if (!accepted) throw permanentError('never')
  }

  readonly transport: Transport = {
    name: 'stand',
    deliver: async ({ headers, payload, attempt }) => this.receive(headers[NAME_HEADER] ?? '', payload, attempt),
  }

  /** What it claims and settles is written down. */
  recording(store: OutboxStore = this.store.outbox): OutboxStore {
    return recordingStore(store, this.#record, new KillPoints())
  }

  relay({ outbox = this.store.outbox, transport = this.transport, batch = 100, heap }: {
    readonly outbox?: OutboxStore; readonly transport?: Transport; readonly batch?: number; readonly heap?: DlqHeap
  } = {}): Relay {
    const waybill = createWaybill({ store: { ...this.store, outbox: this.recording(outbox) } })
    return waybill.relay({
      lane: LANE, target: TARGET, transport, batch, heap, leaseMs: LEASE_MS, concurrency: 1, settleEveryMs: 1,
      retry: { baseMs: RETRY_MS, maxMs: RETRY_MS, jitter: 'none' },
    })
  }

  /** Relays come and go until nothing can change any more: the leases and the retries of a dozen attempts are over. */
  async deliverAll(relay: () => Relay = () => this.relay()): Promise<void> {
    for (let round = 0; round < 12; round += 1) {
      await relay().drain()
      this.clock.advance(LEASE_MS)
    }
  }

  async finish(): Promise<Verdict> {
    const checker = new HistoryChecker({ ordering: this.#options.ordering, recoveryMs: RECOVERY_MS, isPoison })
    for (const event of this.#events.toSorted((a, b) => a.at - b.at)) checker.push(event)
    let rows = 0
    for (const { headers, status } of await this.messages()) {
      rows += 1
      checker.push({ kind: 'final', at: now(), message: headers[NAME_HEADER] ?? '', status })
    }
    checker.push({ kind: 'end', at: now(), rows })
    return checker.finish()
  }

  messages(): Promise<readonly OutboxMessage[]> {
    return this.waybill.outbox.list({ lane: LANE, limit: 1_000 })
  }

  async close(): Promise<void> {
    await this.waybill.close()
  }
}

const textOf = ({ text, message }: Draft): string => text ?? JSON.stringify({ message })

function draftOf(draft: Draft) {
  return {
    lane: LANE, target: TARGET, type: 'order.placed', key: draft.key, headers: { [NAME_HEADER]: draft.message },
    payload: Buffer.from(textOf(draft)), contentType: 'application/json', maxAttempts: draft.maxAttempts,
  } as const
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('base64url')
}
