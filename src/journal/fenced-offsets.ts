/**
 * An offset store over anything that can be taken over: what all of them share.
 *
 *     save ─┐                                         ┌─► save resolves
 *     save ─┼─► batch ──► one write at a time ────────┼─► save resolves
 *     save ─┘             (what is behind, is left)   └─► save resolves
 *
 * Loads and writes take turns, so this object never has two under way, and what it believes to be saved is what its
 * last answer said. Saves that come while a turn is under way gather in one batch, which is the next turn's.
 *
 * What can interleave is another process: it takes over between two of our writes, and our next one is refused by the
 * ledger, in the same step as it would write. A write that fails may have taken effect. Its offsets stay unsaved here
 * and are written again; to raise an offset twice is to raise it once.
 */
import { validationError } from '../core/errors.js'
import { MAX_OFFSET_KEY_BYTES, MAX_OFFSET_NAME_BYTES } from '../core/limits.js'
import { assertU64 } from '../core/u64.js'
import { assertName } from '../core/validate.js'
import { staleOwner, type OffsetStore } from './offset-store.js'

export type Offsets = ReadonlyMap<string, bigint>

/** Where the offsets of one name are kept. */
export interface OffsetLedger {
  /** Takes over from whoever had taken it. @throws CORRUPT, and the store's own errors; then nothing is promised. */
  take(): Promise<OffsetOwnership>
}

/** Of one take-over, until the next. Calls come one after another. */
export interface OffsetOwnership {
  /** All that was saved at the take-over. */
  readonly offsets: Offsets
  /**
   * Writes what has changed since it was `saved`, each offset larger than there. False, and nothing is written, when
   * another has taken over. After it has thrown it may have taken effect or not, and may be called with the same again.
   */
  write(changed: Offsets, saved: Offsets): Promise<boolean>
}

interface Batch {
  readonly offsets: Map<string, bigint>
  readonly done: Promise<void>
}

export class FencedOffsets implements OffsetStore {
  readonly name: string
  readonly #ledger: OffsetLedger
  #ownership: OffsetOwnership | undefined
  #isStale = false
  #saved = new Map<string, bigint>()
  /** What writes that failed were to save. */
  #unsaved = new Map<string, bigint>()
  #next: Batch | undefined
  #turn: Promise<unknown> = Promise.resolve()

  /** @throws VALIDATION for a name that is blank, or longer than a scope's and a name of 255 bytes. */
  constructor(name: string, ledger: OffsetLedger) {
    this.name = assertName('name', name, MAX_OFFSET_NAME_BYTES)
    this.#ledger = ledger
  }

  async load(): Promise<ReadonlyMap<string, bigint>> {
    return this.#inTurn(async () => {
      this.#ownership = undefined
      this.#unsaved = new Map()
      this.#ownership = await this.#ledger.take()
      this.#isStale = false
      this.#saved = new Map(this.#ownership.offsets)
      return new Map(this.#saved)
    })
  }

  async save(offsets: ReadonlyMap<string, bigint>): Promise<void> {
    const checked = checkOffsets(offsets)
    this.#next ??= this.#startBatch()
    raise(this.#next.offsets, checked)
    return this.#next.done
  }

  #startBatch(): Batch {
    const offsets = new Map<string, bigint>()
    const done = this.#inTurn(() => {
      this.#next = undefined
      return this.#write(offsets)
    })
    return { offsets, done }
  }

  async #write(offsets: Offsets): Promise<void> {
    const ownership = this.#ownership
    if (ownership === undefined) throw validationError('offsets', 'must be loaded before they are saved')
    if (this.#isStale) throw staleOwner(this.name)
    raise(this.#unsaved, offsets)
    const changed = new Map([...this.#unsaved].filter(([key, offset]) => offset > (this.#saved.get(key) ?? -1n)))
    if (changed.size > 0) {
      this.#isStale = !await ownership.write(changed, this.#saved)
      if (this.#isStale) throw staleOwner(this.name)
      raise(this.#saved, changed)
    }
    this.#unsaved = new Map()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work)
    this.#turn = turn.catch(() => undefined)
    return turn
  }
}

/** A copy: the caller may change what it handed in. */
function checkOffsets(offsets: ReadonlyMap<string, bigint>): Offsets {
  return new Map([...offsets].map(([key, offset]) =>
    [assertName('offsets', key, MAX_OFFSET_KEY_BYTES), assertU64('offsets', offset)]))
}

/** Larger ones win. */
export function raise(into: Map<string, bigint>, offsets: Offsets): void {
  for (const [key, offset] of offsets) if (offset > (into.get(key) ?? -1n)) into.set(key, offset)
}
