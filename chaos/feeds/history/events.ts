/**
 * What the processes of the feeds' run write down, one JSON line each, and what the checker reads, merged by `at`, in
 * milliseconds by the machine's monotonic clock.
 *
 * An event that says what is so since (an answer) is written when that is known, one that says what was so until then
 * (a request) bears the time before it was sent. So what the checker takes for one after another was so, and what it
 * takes for overlapping may have been either.
 */
import type { FaultEvent } from 'waybill/testkit'

/** A row's key and its value since; null when it is gone. */
export type RowChange = readonly [key: string, value: string | null]

export interface MeantResult {
  /** The producer's own name of it, used once. */
  readonly result: string
  readonly digest: string
  readonly changes: readonly RowChange[]
}

export interface WrittenResult extends MeantResult {
  /** As the store answered. */
  readonly sequence: number
}

/** A producer's transaction, under a name that is used once. */
export type ProducerEvent =
  | { readonly kind: 'begin'; readonly at: number; readonly tx: string }
  /** The feed began anew in it, with these rows. */
  | {
    readonly kind: 'began'; readonly at: number; readonly tx: string; readonly feed: string
    readonly incarnation: string; readonly rows: readonly RowChange[]
  }
  /**
   * Where each commit is by itself: what will be committed, and where it is by the answer, as of when it was asked for.
   * Not judged: by these is found out what was written, before the judge is asked.
   */
  | {
    readonly kind: 'meant'; readonly at: number; readonly tx: string; readonly feed: string
    readonly results: readonly MeantResult[]
  }
  | {
    readonly kind: 'answered'; readonly at: number; readonly tx: string; readonly feed: string
    readonly incarnation: string; readonly results: readonly WrittenResult[]
  }
  /** Not committed yet, where there are transactions. */
  | {
    readonly kind: 'wrote'; readonly at: number; readonly tx: string; readonly feed: string
    readonly incarnation: string; readonly results: readonly WrittenResult[]
  }
  /** `unknown`: the answer to the commit did not arrive. The application's own table decides, or what stands for it. */
  | { readonly kind: 'committed' | 'aborted' | 'unknown'; readonly at: number; readonly tx: string }

/** As the subscriber's handler saw it. */
export type SeenResult = readonly [sequence: number, result: string, digest: string]

export interface SeenSnapshot {
  readonly incarnation: string
  readonly sequence: number
  /** Of its rows. */
  readonly digest: string
}

/** A side effect, as it reached the receiver: accepted, or refused. Of results, or of a snapshot. */
export interface ReceivedEvent {
  readonly kind: 'received'
  readonly at: number
  readonly accepted: boolean
  readonly subscriber: string
  readonly feed: string
  readonly term: number
  /** When the handler began it. */
  readonly begunAt: number
  readonly results?: readonly SeenResult[] | undefined
  readonly snapshot?: SeenSnapshot | undefined
}

export interface StoredPlace {
  readonly feed: string
  readonly incarnation: string
  readonly sequence: number
}

/** What a subscriber's process asked of the checkpoint store. */
export type OwnerEvent =
  /** At the answer. Without a term it was not given. */
  | {
    readonly kind: 'taken'; readonly at: number; readonly askedAt: number; readonly owner: string
    readonly subscriber: string; readonly term?: number | undefined; readonly checkpoints: readonly StoredPlace[]
  }
  /** When it was asked; `isWritten` when it took effect. */
  | {
    readonly kind: 'saved'; readonly at: number; readonly owner: string; readonly subscriber: string
    readonly term: number; readonly checkpoints: readonly StoredPlace[]; readonly isWritten: boolean
  }
  /** When it was asked, whatever came of it. */
  | { readonly kind: 'gave'; readonly at: number; readonly owner: string; readonly subscriber: string }

/** What a subscriber was told to be lost. */
export interface GapEvent {
  readonly kind: 'gap'
  readonly at: number
  readonly subscriber: string
  readonly feed: string
  /** Of the feed as it is now. */
  readonly incarnation: string
  readonly reason: string
  readonly action: 'stopped' | 'reset' | 'skipped'
  readonly requested: number
  readonly earliest: number
  readonly latest: number
  readonly lost?: readonly [from: number, to: number] | undefined
}

/** What there is in the end. */
export type FinalEvent =
  /** A transaction that committed, by the application's own table. */
  | { readonly kind: 'order'; readonly at: number; readonly tx: string }
  | {
    readonly kind: 'feed'; readonly at: number; readonly feed: string; readonly incarnation: string
    readonly sequence: number
    /** Digests of the feed's rows, and of the application's own. */
    readonly rows: string
    readonly own: string
    /** What is kept of the log. */
    readonly log: readonly SeenResult[]
  }
  | ({ readonly kind: 'checkpoint'; readonly at: number; readonly subscriber: string } & StoredPlace)
  | { readonly kind: 'end'; readonly at: number }

export type RunEvent = ProducerEvent | ReceivedEvent | OwnerEvent | GapEvent | FinalEvent | FaultEvent
