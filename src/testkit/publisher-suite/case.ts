import type { SuiteCase } from '../store-suite.js'
import type { PublisherContext } from './context.js'

export interface PublisherCase extends SuiteCase {
  run(context: PublisherContext): Promise<void>
}
