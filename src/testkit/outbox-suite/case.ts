/** What a case of the outbox suite is. */
import type { StoreCase } from '../store-suite.js'
import type { CaseSettings, OutboxContext } from './context.js'

export interface OutboxCase extends StoreCase<OutboxContext> {
  readonly settings?: CaseSettings
}
