/**
 * A relay's store that writes down what it claimed and settled, and reaches the kill points on the way.
 *
 * The checker reads the order of events by their time, so a time must not be later than what others can have done
 * because of it:
 *
 * - A claim is written when its answer is here. One that took half a lease may have been given long before, as when
 *   the process was paused meanwhile; nobody can say when, so neither it nor its settles are written.
 * - A settle that ends the message is written when its answer is here: nobody claims it any more. One that gives the
 *   message back bears the time before it was sent, because the next claim may be there before the answer is.
 */
import type { OutboxClaim, OutboxStore, SettleRequest } from 'waybill'
import { now, type EventSink } from '../history/journal.js'
import { LEASE_MS, NAME_HEADER } from '../plan.js'
import type { KillPoints } from '../processes/kill-points.js'
import type { KillPoint } from './plan.js'

/** What is remembered of a claim until its messages are settled. */
export interface OpenClaim {
  readonly size: number
  sent: number
  readonly names: Map<string, string>
  readonly isWritten: boolean
}

/** Claims that were lost are never settled; the oldest are forgotten. */
const CLAIMS_KEPT = 500
const UNSURE_AFTER_MS = LEASE_MS / 2

export class ClaimRecord {
  readonly #open = new Map<string, OpenClaim>()
  readonly #journal: EventSink

  constructor(journal: EventSink) {
    this.#journal = journal
  }

  get(token: string): OpenClaim | undefined {
    return this.#open.get(token)
  }

  claimed(claim: OutboxClaim, askedAt: number): void {
    const names = new Map(claim.messages.map(({ id, headers }) => [id, headers[NAME_HEADER] ?? id]))
    const at = now()
    const isWritten = at - askedAt < UNSURE_AFTER_MS
    this.#open.set(claim.token, { size: names.size, sent: 0, names, isWritten })
    for (const token of this.#open.keys()) {
      if (this.#open.size <= CLAIMS_KEPT) break
      this.#open.delete(token)
    }
    if (isWritten) this.#journal.write({ kind: 'claimed', at, claim: claim.token, messages: [...names.values()] })
  }

  settled({ token, outcomes }: SettleRequest, answers: readonly string[], askedAt: number): void {
    const claim = this.#open.get(token)
    if (claim === undefined) return
    const answeredAt = now()
    outcomes.forEach(({ id }, index) => {
      const [message, answer] = [claim.names.get(id), answers[index]]
      claim.names.delete(id)
      if (!claim.isWritten || message === undefined) return
      if (answer === 'delivered' || answer === 'dead_lettered') {
        this.#journal.write({ kind: 'settled', at: answeredAt, claim: token, message, answer })
      } else if (answer === 'requeued' || answer === 'released') {
        this.#journal.write({ kind: 'settled', at: askedAt, claim: token, message, answer })
      }
    })
    if (claim.names.size === 0) this.#open.delete(token)
  }
}

/** How a call is made: as it is, or watched. */
export type Watch = <T>(what: string, call: () => Promise<T>) => Promise<T>

export function recordingStore<Tx>(
  store: OutboxStore<Tx>, record: ClaimRecord, points: KillPoints<KillPoint>, watch: Watch = (_what, call) => call(),
): OutboxStore<Tx> {
  return {
    ...forwarding(store),
    async claim(request) {
      const askedAt = now()
      const claim = await watch('claim', () => store.claim(request))
      if (claim === null) return null
      record.claimed(claim, askedAt)
      points.reach('after-claim')
      return claim
    },
    async settle(request) {
      points.reach('before-settle')
      const askedAt = now()
      const answers = await watch('settle', () => store.settle(request))
      record.settled(request, answers, askedAt)
      return answers
    },
    async extend(request) {
      const extended = watch('extend', () => store.extend(request))
      if (points.isArmed('during-renewal')) {
        // The statement leaves within this turn or the next; its answer is not waited for.
        await new Promise((resolve) => { setImmediate(resolve) })
        points.reach('during-renewal')
      }
      return extended
    },
  }
}

/** The store as it is, as an object of functions. */
export function forwarding<Tx>(store: OutboxStore<Tx>): OutboxStore<Tx> {
  return {
    get capabilities() {
      return store.capabilities
    },
    enqueueMany: (tx, messages) => store.enqueueMany(tx, messages),
    transaction: (work) => store.transaction(work),
    claim: (request) => store.claim(request),
    settle: (request) => store.settle(request),
    extend: (request) => store.extend(request),
    get: (ids, scope) => store.get(ids, scope),
    list: (filter) => store.list(filter),
    stats: (filter) => store.stats(filter),
    purge: (request) => store.purge(request),
    failures: (id, scope) => store.failures(id, scope),
    resolveDead: (request) => store.resolveDead(request),
    edits: (id, scope) => store.edits(id, scope),
    quarantine: (request) => store.quarantine(request),
    setPaused: (request) => store.setPaused(request),
    settings: () => store.settings(),
    migrate: (lanes) => store.migrate(lanes),
    close: () => store.close(),
  }
}
