/** What the checker remembers: per transaction, incarnation and result, the few things that rules speak of. */
import type { ProducerEvent, ReceivedEvent, SeenSnapshot, WrittenResult } from './events.js'

type EventOf<Kind extends ProducerEvent['kind']> = Extract<ProducerEvent, { kind: Kind }>

export interface TransactionRecord {
  readonly begun: EventOf<'begin'>
  ended: EventOf<'committed' | 'aborted' | 'unknown'> | undefined
  readonly results: ResultRecord[]
  /** The application's table has it. */
  isStored: boolean
}

export interface ResultRecord extends WrittenResult {
  readonly transaction: TransactionRecord
  readonly wrote: EventOf<'wrote'>
}

export interface Incarnation {
  readonly feed: string
  readonly incarnation: string
  /** Absent when it was made by its first result. */
  began: { readonly event: EventOf<'began'>; readonly transaction: TransactionRecord } | undefined
  /** In the order in which they were written, those of aborted transactions among them. */
  readonly results: ResultRecord[]
  readonly snapshots: { readonly event: ReceivedEvent; readonly seen: SeenSnapshot }[]
}

export class Records {
  readonly transactions = new Map<string, TransactionRecord>()
  readonly results = new Map<string, ResultRecord>()
  readonly incarnations = new Map<string, Incarnation>()

  incarnation(feed: string, incarnation: string): Incarnation {
    const key = keyOf(feed, incarnation)
    const known = this.incarnations.get(key)
    if (known !== undefined) return known
    const made: Incarnation = { feed, incarnation, began: undefined, results: [], snapshots: [] }
    this.incarnations.set(key, made)
    return made
  }

  has(feed: string, incarnation: string): boolean {
    return this.incarnations.has(keyOf(feed, incarnation))
  }
}

/** Committed, or what nobody knows and the application's table has. */
export function exists({ ended, isStored }: TransactionRecord): boolean {
  return ended?.kind === 'committed' || (ended?.kind === 'unknown' && isStored)
}

function keyOf(feed: string, incarnation: string): string {
  return `${feed} ${incarnation}`
}
