/** What a case of the journal suite is. */
import type { StoreCase } from '../store-suite.js'
import type { JournalContext } from './context.js'

export interface JournalCase extends StoreCase<JournalContext> {
  /** Needs the outbox of the same store. */
  readonly withOutbox?: true
}
