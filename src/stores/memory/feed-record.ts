/**
 * One feed in memory: what was committed, and what the one open transaction that has it has staged.
 *
 * The state within the transaction is kept beside the committed one, because its next call goes on from it. Log and
 * rows are not: what changes them is kept as a list, and carried out at the commit.
 */
import type { RowMutation } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { MemoryLog } from './feed-log.js'
import type { MemoryTransaction } from './transaction.js'

export interface FeedChange {
  /** What the state becomes; undefined when there is no feed afterwards. */
  readonly state: FeedState | undefined
  readonly clearsLog?: boolean
  readonly clearsRows?: boolean
  /** The bytes are copies of our own. */
  readonly results?: readonly { readonly sequence: bigint; readonly data: Uint8Array }[]
  readonly dropBelow?: bigint
  readonly mutations?: readonly RowMutation[]
}

export class MemoryFeed {
  state: FeedState | undefined
  readonly log = new MemoryLog()
  readonly rows = new Map<bigint, Uint8Array>()
  #holder: MemoryTransaction | undefined
  readonly #staged: FeedChange[] = []

  get holder(): MemoryTransaction | undefined {
    return this.#holder
  }

  /** Nothing would be lost with it. */
  get isEmpty(): boolean {
    return this.state === undefined && this.log.size === 0 && this.rows.size === 0 && this.#holder === undefined
  }

  /** As its transaction sees it. */
  get stagedState(): FeedState | undefined {
    return this.#staged.length === 0 ? this.state : this.#staged.at(-1)?.state
  }

  /** The numbers of the log as its transaction sees them, ascending. */
  stagedNumbers(): bigint[] {
    const numbers = new Set(this.log.numbers())
    for (const { clearsLog, results = [], dropBelow = 0n } of this.#staged) {
      if (clearsLog === true) numbers.clear()
      for (const { sequence } of results) numbers.add(sequence)
      if (dropBelow > 0n) for (const sequence of numbers) if (sequence < dropBelow) numbers.delete(sequence)
    }
    return [...numbers].sort((a, b) => (a < b ? -1 : 1))
  }

  /** The transaction has the feed from here to its end. */
  stage(tx: MemoryTransaction, change: FeedChange, onEnd: () => void): void {
    this.#holder = tx
    this.#staged.push(change)
    const end = (): void => {
      if (this.#staged.length === 0) this.#holder = undefined
      onEnd()
    }
    tx.stage({
      // Changes are published in their order, and discarded from the last one back.
      publish: () => {
        this.#staged.shift()
        this.#apply(change)
        end()
      },
      discard: () => {
        this.#staged.pop()
        end()
      },
    })
  }

  #apply({ state, clearsLog, clearsRows, results = [], dropBelow, mutations = [] }: FeedChange): void {
    this.state = state
    if (clearsLog === true) this.log.clear()
    if (clearsRows === true) this.rows.clear()
    for (const { sequence, data } of results) this.log.put(sequence, data)
    if (dropBelow !== undefined) this.log.dropBelow(dropBelow)
    for (const { signature, data } of mutations) {
      if (data === undefined) this.rows.delete(signature)
      else this.rows.set(signature, data)
    }
  }
}
