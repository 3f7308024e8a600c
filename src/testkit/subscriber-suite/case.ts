import type { SuiteCase } from '../store-suite.js'
import type { SubscriberContext } from './context.js'

export interface SubscriberCase extends SuiteCase {
  run(context: SubscriberContext): Promise<void>
}
