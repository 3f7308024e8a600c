/** What the consumers of the inbox's run write down, and what the run reads at its end. */
import type { FaultEvent } from 'waybill/testkit'

/** How a delivery ended, once its transaction has: `done` and `skipped` are acknowledged, the others come again. */
export type DeliveryEnd = 'done' | 'skipped' | 'in_progress' | 'aborted' | 'unknown'

export interface DeliveryEvent {
  readonly kind: 'delivery'
  readonly at: number
  readonly consumer: string
  /** Numbers of messages. */
  readonly messages: readonly number[]
  readonly end: DeliveryEnd
}

export type InboxEvent = DeliveryEvent | FaultEvent

/** The tables as they are when everything has stopped. */
export interface FinalState {
  /** Every effect that was committed, by message. */
  readonly effects: readonly string[]
  /** Every record. */
  readonly records: readonly string[]
}
