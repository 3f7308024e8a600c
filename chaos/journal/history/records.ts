/** What the checker remembers: per transaction and event, the few things that rules speak of. */
import type { FinalEvent, ProducerEvent, ReceivedEvent } from './events.js'

type EventOf<Kind extends ProducerEvent['kind']> = Extract<ProducerEvent, { kind: Kind }>

export interface TransactionRecord {
  readonly begun: EventOf<'begin'>
  ended: EventOf<'committed' | 'aborted' | 'unknown'> | undefined
  readonly events: EventRecord[]
}

export interface EventRecord {
  readonly event: string
  appended: EventOf<'append'> | undefined
  /** In which it was appended; more than one when that was repeated. */
  readonly transactions: TransactionRecord[]
  firstReceived: ReceivedEvent | undefined
  /** The first time it was accepted. */
  accepted: ReceivedEvent | undefined
  /** Every other time. */
  readonly repeats: ReceivedEvent[]
  stored: Extract<FinalEvent, { kind: 'stored' }> | undefined
  dead: Extract<FinalEvent, { kind: 'dead' }> | undefined
}

export class Records {
  readonly transactions = new Map<string, TransactionRecord>()
  readonly events = new Map<string, EventRecord>()
  /** By the journal's own id. */
  readonly ids = new Map<string, EventRecord>()

  event(event: string): EventRecord {
    const known = this.events.get(event)
    if (known !== undefined) return known
    const record: EventRecord = {
      event, appended: undefined, transactions: [], firstReceived: undefined, accepted: undefined, repeats: [],
      stored: undefined, dead: undefined,
    }
    this.events.set(event, record)
    return record
  }
}
