/**
 * The port to wherever messages go: a handler, a webhook, a broker.
 *
 * A transport must resolve only when the destination has accepted the message, and
 * must reject otherwise. What it throws decides what happens next:
 * `permanentError` → dead letter now, `throttledError` → later without spending an attempt,
 * anything else → retry with backoff until the attempts are spent.
 */
import { WaybillError, type ErrorDetails } from './errors.js'

/** What is delivered, byte for byte as it was enqueued. */
export interface Envelope {
  readonly id: string
  readonly scope: string
  readonly lane: string
  readonly target: string
  readonly type: string
  readonly key: string | undefined
  /** What it was deduped by: the same for the same fact, also when another message was made of it. */
  readonly dedupeKey?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly payload: Uint8Array
  readonly contentType: string
  /** Milliseconds by the store's clock. */
  readonly createdAt: number
  /** 1 for the first try. */
  readonly attempt: number
  /** The claim this try belongs to. A receiver may use it to refuse a paused sender. */
  readonly claimToken: string
}

export interface DeliveryContext {
  /** Aborted when the time for this try is over or the relay must stop at once. */
  readonly signal: AbortSignal
}

export interface Transport {
  readonly name: string
  deliver(envelope: Envelope, context: DeliveryContext): Promise<void>
  /**
   * Several in one go, as many as begin together, up to the runner's `concurrency`; no two of them have an order.
   * Resolves when the destination has accepted all; rejects when it has refused them as a whole: then each half is
   * tried, until the culprit is alone in `deliver`, unless it is a `throttledError`, which is about all of them.
   * What was tried before, or has this try alone, comes through `deliver`. Default: each through `deliver`.
   */
  deliverBatch?(envelopes: readonly Envelope[], context: DeliveryContext): Promise<void>
  close?(): Promise<void>
}

/** The destination will never accept this message: dead-letter it now. */
export function permanentError(
  message: string, options: { readonly cause?: unknown; readonly details?: ErrorDetails } = {},
): WaybillError {
  return new WaybillError('PERMANENT', message, options)
}

/** The destination asks to come back later. Spends no attempt; bounded by the relay's `maxAgeMs`. */
export function throttledError(message: string, retryAfterMs: number): WaybillError {
  return new WaybillError('THROTTLED', message, { retryable: true, details: { retryAfterMs } })
}
