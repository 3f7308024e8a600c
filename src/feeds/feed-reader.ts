/** What reading a feed answers, and what can be read of it. */
import type { U64 } from '../core/u64.js'
import type { FeedState, Result } from './result.js'
import type { FeedSnapshot } from './snapshot.js'

export interface AfterOptions {
  /** 1…1,000. Default 1,000. */
  readonly limit?: number | undefined
  /** Of the feed when the sequence was read. A feed that was reset since then answers a gap. Default: not compared. */
  readonly incarnation?: string | undefined
}

/** What every answer of a feed says of where it is. */
export interface FeedPlace {
  readonly incarnation: string
  readonly configHash: string
  /** Of the last result; 0 when there was none. */
  readonly latest: bigint
}

export interface FeedResults extends FeedPlace {
  readonly kind: 'results'
  readonly results: readonly Result[]
  readonly hasMore: boolean
}

/** What was asked for is not kept any more. Take a snapshot, or go on at `earliest` without what was between. */
export interface FeedGap extends FeedPlace {
  readonly kind: 'gap'
  /** `evicted`: later results took its place. `reset`: the feed began anew. */
  readonly reason: 'evicted' | 'reset'
  readonly requested: bigint
  /** Of the first result that is kept; `latest + 1` when none is. */
  readonly earliest: bigint
}

/** Nobody has committed to the feed yet, or it was deleted. */
export interface FeedMissing {
  readonly kind: 'missing'
}

export type FeedChanges = FeedResults | FeedGap | FeedMissing

/** The reading half of `Feed`. */
export interface FeedReader {
  state(): Promise<FeedState | undefined>
  after(sequence: U64, options?: AfterOptions): Promise<FeedChanges>
  snapshot(): Promise<FeedSnapshot | undefined>
}
