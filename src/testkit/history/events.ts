/**
 * What the processes of a fault run write down, one JSON line each, and what the checker reads, merged by `at`.
 *
 * `at` is in milliseconds by one clock that all of them share and that never steps (of one machine, its monotonic
 * one). A line is written before what it begins and after what it ends, so that two transactions which did not
 * overlap do not seem to, and never the other way round.
 */

/** A producer's transaction, under a name that is used once. */
export type ProducerEvent =
  | { readonly kind: 'begin'; readonly at: number; readonly tx: string }
  | {
    readonly kind: 'enqueue'; readonly at: number; readonly tx: string
    /** The producer's own name of the message, which its payload carries. */
    readonly message: string
    readonly key?: string | undefined
    /** Of the payload. */
    readonly digest: string
  }
  /** `unknown`: the answer to COMMIT did not arrive. The final table decides. */
  | { readonly kind: 'committed' | 'aborted' | 'unknown'; readonly at: number; readonly tx: string }

/** A relay took messages, or ended an attempt and was told that this took effect. */
export type RelayEvent =
  | { readonly kind: 'claimed'; readonly at: number; readonly claim: string; readonly messages: readonly string[] }
  | {
    readonly kind: 'settled'; readonly at: number; readonly claim: string; readonly message: string
    readonly answer: 'delivered' | 'requeued' | 'dead_lettered' | 'released'
  }

/** What reached the receiver, written there: accepted, or refused on purpose. */
export interface ReceiverEvent {
  readonly kind: 'received'
  readonly at: number
  readonly message: string
  readonly digest: string
  readonly accepted: boolean
}

/** Something was broken on purpose, from its beginning until its effects are over. */
export interface FaultEvent {
  readonly kind: 'fault'
  readonly at: number
  readonly until: number
  readonly name: string
}

/** A row of the table after the run, of every message that is in it. */
export interface FinalEvent {
  readonly kind: 'final'
  readonly at: number
  readonly message: string
  readonly status: 'pending' | 'claimed' | 'delivered' | 'dead_letter'
}

/** The last line: the table was read to its end, with as many rows as an independent count says. */
export interface EndEvent {
  readonly kind: 'end'
  readonly at: number
  readonly rows: number
}

export type HistoryEvent = ProducerEvent | RelayEvent | ReceiverEvent | FaultEvent | FinalEvent | EndEvent
