/** What a case of the checkpoint suite is. */
import type { StoreCase } from '../store-suite.js'
import type { CheckpointContext } from './context.js'

export type CheckpointCase = StoreCase<CheckpointContext>
