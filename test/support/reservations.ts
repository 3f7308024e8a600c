/** Waybills whose transactions reserve, and providers that fail or wait. */
import { DEFAULT_SCOPE } from '../../src/core/scope.js'
import type { ReservationKey, ReservationProvider } from '../../src/outbox/reservation.js'
import type { ReservationOptions } from '../../src/outbox/reservations.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'

export const DRAFT = { type: 'order.placed', payload: { id: 'o-7' }, dedupeKey: 'order-7' }
export const KEY: ReservationKey = {
  namespace: 'orders', scope: DEFAULT_SCOPE, lane: 'default', target: 'default', dedupeKey: 'order-7',
}
const DEFAULTS = { namespace: 'orders', onUnavailable: 'fail-closed' } as const

/** A waybill on the store whose transactions reserve. */
export function waybillOf(
  store: Store, options: Omit<ReservationOptions, keyof typeof DEFAULTS> & Partial<ReservationOptions>,
) {
  return createWaybill({ store, reservations: { ...DEFAULTS, ...options } })
}

export type Step = keyof ReservationProvider
export type Fault = 'refused' | 'after it took effect' | 'hangs'

/** Fails at the steps of `faults` as they say, for as long as they say so. */
export function faulty(inner: ReservationProvider, faults: Partial<Record<Step, Fault>>): ReservationProvider {
  const step = async <T>(name: Step, call: () => Promise<T>): Promise<T> => {
    const fault = faults[name]
    if (fault === 'hangs') return new Promise<T>(() => undefined)
    if (fault === 'refused') throw new Error('refused')
    const answer = await call()
    if (fault === 'after it took effect') throw new Error('the answer was lost')
    return answer
  }
  return {
    reserve: (key, hold) => step('reserve', () => inner.reserve(key, hold)),
    confirm: (key, message) => step('confirm', () => inner.confirm(key, message)),
    release: (key, owner) => step('release', () => inner.release(key, owner)),
  }
}

export async function idsOf(store: Store): Promise<readonly string[]> {
  return (await createWaybill({ store }).outbox.list()).map(({ id }) => id)
}
