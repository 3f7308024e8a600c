/**
 * The heap contract: how often each of many things has failed in a row, and which have failed too often.
 *
 *     recordFailure ─► count + 1, the entry is made          recordSuccess ─► the entry is gone, from any state
 *
 *     counted ── drainExceeded: count ≥ threshold ──► hidden ── confirmDrained ─────────► gone
 *        ▲                                              │  └── confirmDrained, but failed again ──► counted, new ones
 *        └───────── the drain's lease is over ──────────┘       with all its failures
 *
 * It only counts. What is done with what was drained, and whether that is still there, is the caller's business: an
 * entry is a hint. So a heap that fails, or forgets, costs a later look and never a message.
 *
 * An id is any text that is not blank, without NUL, of at most 1,024 bytes of UTF-8 [heap-id-1, heap-id-2]. Any number
 * of processes may call at once. The names in brackets are the cases of the published suite.
 */
export interface DlqHeap {
  /**
   * One more failure in a row [heap-count-1], by whichever process [heap-race-1]. Of the errors the latest that was
   * given is kept [heap-count-3], its first 2,000 characters [heap-count-4]; the count stops at 2,147,483,647
   * [heap-count-5]. A call whose answer was lost may have counted, and counts once more when it is repeated.
   */
  recordFailure(id: string, error?: string): Promise<void>

  /** No failure in a row any more, also of what is drained [heap-count-2, heap-drain-8]. Unknown ids are nothing. */
  recordSuccess(id: string): Promise<void>

  /**
   * Takes what has failed at least `threshold` times in a row [heap-drain-1], at most 1,000, the highest counts first
   * [heap-drain-3]. No id is in the answers of two drains at once [heap-race-2]. A threshold of 1 takes all
   * [heap-drain-2]; nothing over it is an empty answer, and changes nothing [heap-drain-4].
   *
   * With `confirmDrained`, what is taken is hidden for the drain's lease, and then counted as before, with what has
   * failed meanwhile [heap-lease-1, heap-lease-2], also when the process or its answer is gone [heap-lost-1,
   * heap-lost-2]. Without, it is forgotten: then a crash costs the count.
   * @throws VALIDATION for a threshold that is no integer from 1 to 2,147,483,647 [heap-drain-5].
   */
  drainExceeded(threshold: number): Promise<readonly HeapEntry[]>

  /**
   * These are dealt with. Each that this object has drained, and nobody since, is gone [heap-confirm-1]; but one that
   * has failed after the drain is alive, and stays with those failures alone [heap-confirm-2]. Of all others nothing
   * changes: unknown, repeated, or drained by another [heap-confirm-3, heap-confirm-4]. May be repeated [heap-lost-3].
   */
  confirmDrained?(ids: readonly string[]): Promise<void>

  /**
   * One page of what has failed at least `threshold` times in a row, the highest counts first and ids from the last to
   * the first among equals, by their UTF-8 bytes, strictly behind the place [heap-list-1, heap-list-2]. What is drained
   * is there too, and says so [heap-list-3]. Changes nothing [heap-list-4]. A count that grows between two pages may
   * put its id into both, or into neither.
   */
  list?(options: HeapListOptions): Promise<readonly HeapRecord[]>

  /** The entry of an id; undefined when it has not failed [heap-list-4]. */
  get?(id: string): Promise<HeapRecord | undefined>
}

export interface HeapListOptions {
  /** Inclusive. Default 1: all. */
  readonly threshold?: number | undefined
  /** The last entry of the page before. */
  readonly after?: HeapPlace | undefined
  /** 0…1,000. Default 100. */
  readonly limit?: number | undefined
}

export type HeapPlace = Pick<HeapEntry, 'id' | 'failures'>

/** An entry as it is stored. */
export interface HeapRecord extends HeapEntry {
  /** The last time, by the store's clock. */
  readonly failedAt: number
  /** A drain has it, and its lease holds. */
  readonly isDrained: boolean
}

export interface HeapEntry {
  readonly id: string
  /** In a row, at least the threshold. */
  readonly failures: number
  /** Of the latest failure that came with one. */
  readonly lastError?: string
}
