/** `feed-history-*`. */
import type { FeedCase } from './case.js'

export const historyCases: readonly FeedCase[] = []
