/** What a case of the progress suite is. */
import type { StoreCase } from '../store-suite.js'
import type { ProgressContext } from './context.js'

export type ProgressCase = StoreCase<ProgressContext>
