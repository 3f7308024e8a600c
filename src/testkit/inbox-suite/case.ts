/** What a case of the inbox suite is. */
import type { StoreCase } from '../store-suite.js'
import type { InboxContext } from './context.js'

export interface InboxCase extends StoreCase<InboxContext> {
  /** What it cannot do without. Where the opened store lacks it, there is nothing to check. */
  readonly needs?: 'faulty'
}
