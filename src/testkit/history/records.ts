/** What the checker remembers of a history: per transaction and message, the few events that rules speak of. */
import type { EndEvent, FaultEvent, FinalEvent, HistoryEvent, ReceiverEvent } from './events.js'

type EventOf<Kind extends HistoryEvent['kind']> = Extract<HistoryEvent, { kind: Kind }>

export interface TransactionRecord {
  readonly begun: EventOf<'begin'>
  ended: EventOf<'committed' | 'aborted' | 'unknown'> | undefined
  /** In the order of their enqueue. */
  readonly messages: MessageRecord[]
}

export interface MessageRecord {
  readonly message: string
  enqueued: EventOf<'enqueue'> | undefined
  transaction: TransactionRecord | undefined
  /** The latest. */
  claim: EventOf<'claimed'> | undefined
  firstReceived: ReceiverEvent | undefined
  /** The first time it was accepted. */
  accepted: ReceiverEvent | undefined
  /** Every other time. */
  readonly repeats: ReceiverEvent[]
  final: FinalEvent | undefined
}

export interface History {
  readonly transactions: Map<string, TransactionRecord>
  readonly messages: Map<string, MessageRecord>
  readonly faults: FaultEvent[]
  end: EndEvent | undefined
}

export function createRecord(message: string): MessageRecord {
  return {
    message, enqueued: undefined, transaction: undefined, claim: undefined, firstReceived: undefined,
    accepted: undefined, repeats: [], final: undefined,
  }
}
