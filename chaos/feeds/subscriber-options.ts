/** How every subscriber of a run is made. */
import type { ResultSubscriberOptions } from 'waybill'
import { DELIVERY_TIMEOUT_MS, LEASE_MS, RETRY } from '../plan.js'
import { BATCH, ROLES, SAVE_EVERY, SAVE_EVERY_MS, type Role } from './plan.js'

export function roleOf(subscriber: string): Role {
  const role = ROLES[subscriber]
  if (role === undefined) throw new Error(`there is no subscriber ${subscriber}`)
  return role
}

/** All but its feeds and what it does with them. What fails is tried for ever: nothing is given up. */
export function subscriberOptions(id: string, consumer: string) {
  const { start, recovery } = roleOf(id)
  return {
    id, consumer, start, recovery, durable: true, leaseMs: LEASE_MS, timeoutMs: DELIVERY_TIMEOUT_MS, retry: RETRY,
    batch: BATCH, saveEvery: SAVE_EVERY, saveEveryMs: SAVE_EVERY_MS, onFailure: 'block',
  } as const satisfies Omit<ResultSubscriberOptions, 'feeds' | 'onResult'>
}
