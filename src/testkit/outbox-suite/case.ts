/** What a case of the outbox suite is. */
import type { CaseSettings, OutboxContext } from './context.js'

export interface OutboxCase {
  /** Stable: skips and the contract's comments name it. */
  readonly id: string
  readonly title: string
  readonly settings?: CaseSettings
  /** Needs two transactions open at once. Where there is one writer at a time, `serial` runs instead. */
  readonly concurrent?: true
  run(context: OutboxContext): Promise<void>
  /** What is left to check of a concurrent case where transactions come one after another. */
  serial?(context: OutboxContext): Promise<void>
}
