/** How every publisher of a run is made. */
import type { PublisherOptions } from 'waybill'
import { DELIVERY_TIMEOUT_MS, isPoison, LEASE_MS, NAME_HEADER, POISON_ATTEMPTS, RETRY } from '../plan.js'
import { BATCH, CONCURRENCY, PUBLISHER, SAVE_EVERY, SAVE_EVERY_MS } from './plan.js'

/** All but what it publishes with. What is no poison is tried for ever, so that only poison becomes a dead letter. */
export function publisherOptions(consumer: string) {
  return {
    name: PUBLISHER, consumer, leaseMs: LEASE_MS, timeoutMs: DELIVERY_TIMEOUT_MS, retry: RETRY, batch: BATCH,
    concurrency: CONCURRENCY, saveEvery: SAVE_EVERY, saveEveryMs: SAVE_EVERY_MS, maxAttempts: POISON_ATTEMPTS,
    onFailure: ({ headers }) => (isPoison(headers[NAME_HEADER] ?? '') ? 'dead_letter' : 'hold'),
  } as const satisfies Omit<PublisherOptions, 'publish' | 'transport'>
}
