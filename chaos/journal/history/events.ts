/**
 * What the processes of the journal's run write down, one JSON line each, and what the checker reads, merged by `at`,
 * in milliseconds by the machine's monotonic clock.
 *
 * An event that says what is so since (an answer) is written when that is known, one that says what was so until then
 * (a request) bears the time before it was sent. So what the checker takes for one after another was so, and what it
 * takes for overlapping may have been either.
 */
import type { FaultEvent } from 'waybill/testkit'

/** A producer's transaction, under a name that is used once. */
export type ProducerEvent =
  | { readonly kind: 'begin'; readonly at: number; readonly tx: string }
  | {
    readonly kind: 'append'; readonly at: number; readonly tx: string
    /** The producer's own name of it. A repeated append names the same events. */
    readonly event: string
    readonly stream: string
    readonly digest: string
  }
  | {
    readonly kind: 'committed'; readonly at: number; readonly tx: string
    /** By event, as the append answered. */
    readonly sequences: Readonly<Record<string, number>>
  }
  /** `unknown`: the answer to COMMIT did not arrive. The journal decides. */
  | { readonly kind: 'aborted' | 'unknown'; readonly at: number; readonly tx: string }

/** A delivery, as it reached the receiver: accepted, or refused. */
export interface ReceivedEvent {
  readonly kind: 'received'
  readonly at: number
  readonly event: string
  readonly digest: string
  readonly accepted: boolean
  readonly id: string
  readonly stream: string
  readonly sequence: number
  readonly attempt: number
  readonly part: number
  readonly term: number
  /** When the publisher began it. */
  readonly begunAt: number
}

export interface PartState {
  readonly part: number
  readonly term: number
  /** Hexadecimal. */
  readonly slots: string
  readonly owner: string | undefined
}

/** What a publisher process asked of the progress store. */
export type OwnerEvent =
  /** At the answer: all parts as they were at some time since `askedAt`. */
  | {
    readonly kind: 'taken'; readonly at: number; readonly askedAt: number; readonly owner: string
    readonly parts: readonly PartState[]
  }
  /** When it was asked; `isWritten` when it took effect. */
  | {
    readonly kind: 'saved'; readonly at: number; readonly owner: string; readonly part: number; readonly term: number
    readonly isWritten: boolean
  }
  /** When it was asked, whatever came of it. Without a part: all. */
  | { readonly kind: 'gave'; readonly at: number; readonly owner: string; readonly part?: number | undefined }

/** What there is in the end. */
export type FinalEvent =
  | {
    readonly kind: 'stored'; readonly at: number; readonly event: string; readonly id: string; readonly stream: string
    readonly sequence: number; readonly digest: string
  }
  /** A dead letter of the publisher. */
  | { readonly kind: 'dead'; readonly at: number; readonly id: string; readonly attempts: number }
  | {
    readonly kind: 'end'; readonly at: number
    /** Events, by a count that does not ask Waybill. */
    readonly rows: number
    readonly heldStreams: number
    /** What a publisher that came afterwards still had to publish. */
    readonly unfinished: readonly string[]
  }

export type RunEvent = ProducerEvent | ReceivedEvent | OwnerEvent | FinalEvent | FaultEvent
