/**
 * The contract of reservations: dedupe keys that are taken outside of the database, before anything is written to it.
 *
 *     free ──reserve──► held ──confirm──► confirmed ──keepMs──► free
 *      ▲                 │
 *      └──release, ttlMs─┘
 *
 * A reservation turns repetitions away; it makes no message, and it never stands for one that does not exist. What
 * decides stays the dedupe key's row in the caller's transaction, so a provider may forget everything at any time, and
 * nothing is lost by that. Only one mistake loses a message: a key that is confirmed for one that was never committed.
 * So whoever confirms has seen it committed.
 *
 * Every method is one step to all others that use the same keys. The provider's clock decides what has run out;
 * boundaries are inclusive. The names in brackets are the cases of the published suite.
 */
import type { ScopeId } from '../core/scope.js'

export interface ReservationProvider {
  /**
   * Takes a key that is free for `owner`, or prolongs its own hold [reserve-1, reserve-2]. Of a key that another holds,
   * or that is confirmed, it changes nothing [reserve-3, reserve-5]. A call whose answer was lost may be repeated.
   */
  reserve(key: ReservationKey, hold: ReservationHold): Promise<ReserveAnswer>
  /**
   * The message of this key is committed, whoever holds the key now [reserve-6]. The first confirmation stays
   * [reserve-7].
   */
  confirm(key: ReservationKey, message: ConfirmedMessage): Promise<void>
  /** Frees the key if `owner` holds it; anything else is left as it is [reserve-4, reserve-8]. */
  release(key: ReservationKey, owner: string): Promise<void>
}

/** What a dedupe key is unique in, and who shares it. */
export interface ReservationKey {
  /** Of the producers that write to the same outbox, or to copies of it: `ReservationOptions.namespace`. */
  readonly namespace: string
  readonly scope: ScopeId
  readonly lane: string
  readonly target: string
  readonly dedupeKey: string
}

export interface ReservationHold {
  /** Of one transaction, and of no other. */
  readonly owner: string
  /** Ends by itself after this long, as when its process has died. */
  readonly ttlMs: number
}

export interface ConfirmedMessage {
  readonly id: string
  /** Of its content, in hexadecimal. */
  readonly digest: string
  /** Forgotten after this long. */
  readonly keepMs: number
}

/** `held`: by another owner, of whom nobody knows yet whether it commits. */
export type ReserveAnswer =
  | { readonly kind: 'reserved' }
  | { readonly kind: 'held' }
  | { readonly kind: 'confirmed'; readonly id: string; readonly digest: string }

/** One text for each key, and for no other. */
export function reservationText({ namespace, scope, lane, target, dedupeKey }: ReservationKey): string {
  return JSON.stringify([namespace, scope, lane, target, dedupeKey])
}
