/**
 * The offset store contract: how far a publisher is in each stream, for one active process per name.
 *
 *     load ──► { order-7: 3, order-9: 1 }   whoever had loaded before can save no more
 *     save ──► { order-7: 5 }               merged, never back, durable when it resolves
 *
 * It is the simpler of a publisher's two kinds of progress: leased parts (progress.ts) let processes share the work.
 * Two processes of one name do no harm here, but only the one that has loaded last gets on.
 *
 * A key is a stream: `offsetKey`. An offset is the sequence number of the last event that was published, any of u64
 * [offset-9]; a stream that is not in the map has none. The names in brackets are the cases of the published suite.
 */
import { WaybillError } from '../core/errors.js'
import { scopedName } from '../core/scope.js'
import type { StreamName } from './event.js'

export interface OffsetStore {
  /**
   * Takes over, and answers everything that was saved [offset-1, offset-2], also by a process that is gone
   * [offset-3]. From then on whoever had loaded before can save no more [offset-5, offset-6]; what is being saved at
   * that moment is either in the answer, or refused [offset-12]. A load that fails leaves this object as it was before
   * its first one [offset-20].
   * @throws CORRUPT when what was saved cannot be read [offset-14], STORE_UNAVAILABLE, CLOSED [offset-15] and the like.
   *   Never an empty map for an error: that would publish everything again.
   */
  load(): Promise<ReadonlyMap<string, bigint>>

  /**
   * Merges these into what was saved, and resolves when that is durable. An offset never goes back [offset-4], streams
   * that are not named keep theirs [offset-1], and nothing is written when nothing changes [offset-8]. Saves that
   * overlap are written together [offset-7]. After one that failed the offsets are kept, and are written with the next
   * one [offset-10]; where a failed one has taken effect all the same, repeating it succeeds [offset-11].
   * @throws STALE_OWNER when another has loaded since [offset-5]; a save that changes nothing may not notice.
   *   VALIDATION for a bad key or offset, and before the first load [offset-13].
   */
  save(offsets: ReadonlyMap<string, bigint>): Promise<void>
}

/** What offset stores of a store's own tables have saved, for those who only look: nobody is taken over from. */
export interface SavedOffsets {
  /** Of all offset stores that were ever loaded, in any order. */
  names(): Promise<readonly string[]>
  /** @throws CORRUPT. */
  read(name: string): Promise<ReadonlyMap<string, bigint>>
}

/**
 * The key of a stream: its name, in the default scope; with its scope elsewhere, and where the name looks as if it
 * had one. No two streams have the same.
 */
export function offsetKey({ scope, stream }: StreamName): string {
  return scopedName(scope, stream)
}

export function staleOwner(name: string): WaybillError {
  return new WaybillError('STALE_OWNER', 'another process has taken over these offsets: stop publishing, or load again '
    + 'to take over from it', { details: { name } })
}

export function corruptOffsets(name: string, problem: string, details: WaybillError['details'] = {}): WaybillError {
  return new WaybillError('CORRUPT', `the offsets of ${name} cannot be read: ${problem}`, {
    details: { name, ...details },
  })
}
