/** Reservations in this process's memory: for tests, and for an application that is one process. */
import { systemClock, type Clock } from '../../core/environment.js'
import {
  reservationText, type ConfirmedMessage, type ReservationHold, type ReservationKey, type ReservationProvider,
  type ReserveAnswer,
} from '../../outbox/reservation.js'

interface Kept {
  /** Absent once it is confirmed. */
  readonly owner?: string
  readonly answer: ReserveAnswer
  readonly until: number
}

const SWEEP_AT = 1_000

export class MemoryReservations implements ReservationProvider {
  readonly #kept = new Map<string, Kept>()
  readonly #now: Clock
  #sweepAt = SWEEP_AT

  constructor({ now = systemClock }: { readonly now?: Clock | undefined } = {}) {
    this.#now = now
  }

  async reserve(key: ReservationKey, { owner, ttlMs }: ReservationHold): Promise<ReserveAnswer> {
    const text = reservationText(key)
    const kept = this.#find(text)
    if (kept !== undefined && kept.owner !== owner) return kept.answer
    this.#keep(text, { owner, answer: { kind: 'held' }, until: this.#now() + ttlMs })
    return { kind: 'reserved' }
  }

  async confirm(key: ReservationKey, { id, digest, keepMs }: ConfirmedMessage): Promise<void> {
    const text = reservationText(key)
    if (this.#find(text)?.answer.kind === 'confirmed') return
    this.#keep(text, { answer: { kind: 'confirmed', id, digest }, until: this.#now() + keepMs })
  }

  async release(key: ReservationKey, owner: string): Promise<void> {
    const text = reservationText(key)
    if (this.#find(text)?.owner === owner) this.#kept.delete(text)
  }

  #find(text: string): Kept | undefined {
    const kept = this.#kept.get(text)
    return kept === undefined || kept.until <= this.#now() ? undefined : kept
  }

  /** What has run out is removed when there is twice as much as was left the last time. */
  #keep(text: string, kept: Kept): void {
    this.#kept.set(text, kept)
    if (this.#kept.size < this.#sweepAt) return
    for (const each of this.#kept.keys()) if (this.#find(each) === undefined) this.#kept.delete(each)
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#kept.size)
  }
}
