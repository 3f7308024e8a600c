/**
 * Which of several processes does the work: the one that has the lease of a subscriber that nobody can be called. It
 * saves work, not data: what is old enough is removed once, however many remove it, so a process that goes on beyond
 * its lease does no harm. Where a store keeps no checkpoints, every process leads.
 */
import { monotonicMs } from '../core/environment.js'
import { reservedKey } from '../core/scope.js'
import type { CheckpointStore } from '../feeds/checkpoints.js'

const SUBSCRIBER = reservedKey('maintenance')

export class Lead {
  readonly #checkpoints: CheckpointStore | undefined
  readonly #owner: string
  #term: bigint | undefined
  #renewAt = 0

  constructor(checkpoints: CheckpointStore | undefined, owner: string) {
    this.#checkpoints = checkpoints
    this.#owner = owner
  }

  /** False while another process has it. */
  async take(leaseMs: number): Promise<boolean> {
    if (this.#checkpoints === undefined) return true
    const askedAt = monotonicMs()
    const state = await this.#checkpoints.take({ subscriber: SUBSCRIBER, owner: this.#owner, leaseMs })
    this.#term = state?.term
    this.#renewAt = askedAt + leaseMs / 3
    return state !== undefined
  }

  /** Renews the lease when a third of it is over. False when another process has it now. */
  async keep(leaseMs: number): Promise<boolean> {
    return monotonicMs() < this.#renewAt || this.take(leaseMs)
  }

  /** Another process may take it at once. */
  async release(): Promise<void> {
    const term = this.#term
    this.#term = undefined
    if (term !== undefined) await this.#checkpoints?.release({ subscriber: SUBSCRIBER, term })
  }
}
