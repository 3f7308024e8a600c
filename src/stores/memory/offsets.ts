/** Offsets in memory: they outlive a publisher, not the process. */
import { WaybillError } from '../../core/errors.js'
import {
  FencedOffsets, raise, type OffsetLedger, type OffsetOwnership, type Offsets,
} from '../../journal/fenced-offsets.js'
import type { SavedOffsets } from '../../journal/offset-store.js'

/** The offsets of one name, for all stores that share them. */
export class SharedOffsets implements OffsetLedger {
  readonly #offsets = new Map<string, bigint>()
  readonly #assertOpen: () => void
  #term = 0

  /** `assertOpen` throws when they can be used no more. */
  constructor(assertOpen: () => void = () => undefined) {
    this.#assertOpen = assertOpen
  }

  /** Somebody has loaded them. */
  get isTaken(): boolean {
    return this.#term > 0
  }

  snapshot(): Map<string, bigint> {
    return new Map(this.#offsets)
  }

  async take(): Promise<OffsetOwnership> {
    this.#assertOpen()
    this.#term += 1
    const term = this.#term
    return {
      offsets: this.snapshot(),
      write: async (changed: Offsets) => {
        this.#assertOpen()
        if (term !== this.#term) return false
        raise(this.#offsets, changed)
        return true
      },
    }
  }
}

/**
 * @example
 * const shared = new SharedOffsets()
 * const [first, second] = [new MemoryOffsetStore(shared), new MemoryOffsetStore(shared)]
 */
export class MemoryOffsetStore extends FencedOffsets {
  readonly #shared: SharedOffsets

  /** By default with offsets of its own. The name is for errors. */
  constructor(shared = new SharedOffsets(), name = 'outbox') {
    super(name, shared)
    this.#shared = shared
  }

  /** What is saved, without taking over. */
  snapshot(): Map<string, bigint> {
    return this.#shared.snapshot()
  }
}

/** The offsets of all names of one store. */
export class MemoryOffsets implements SavedOffsets {
  readonly #names = new Map<string, SharedOffsets>()
  #closed = false

  open(name: string): MemoryOffsetStore {
    const shared = this.#names.get(name) ?? new SharedOffsets(() => this.#checkOpen())
    const store = new MemoryOffsetStore(shared, name)
    this.#names.set(name, shared)
    return store
  }

  async names(): Promise<readonly string[]> {
    return [...this.#names].filter(([, shared]) => shared.isTaken).map(([name]) => name)
  }

  async read(name: string): Promise<Offsets> {
    return this.#names.get(name)?.snapshot() ?? new Map()
  }

  close(): void {
    this.#closed = true
  }

  #checkOpen(): void {
    if (this.#closed) throw new WaybillError('CLOSED', 'the store is closed')
  }
}
