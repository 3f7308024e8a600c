/** What a case of the journal suite is. */
import type { JournalContext } from './context.js'

export interface JournalCase {
  /** Stable: skips and the contract's comments name it. */
  readonly id: string
  readonly title: string
  /** Needs two transactions open at once. Where there is one writer at a time, `serial` runs instead. */
  readonly concurrent?: true
  /** Needs the outbox of the same store. */
  readonly withOutbox?: true
  run(context: JournalContext): Promise<void>
  /** What is left to check of a concurrent case where transactions come one after another. */
  serial?(context: JournalContext): Promise<void>
}
