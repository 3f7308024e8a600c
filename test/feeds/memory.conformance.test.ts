import { describe, test } from 'vitest'
import {
  feedStoreSuite, liveResultsSuite, openedLiveResults, openedResultLog, resultLogSuite,
} from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openMemoryFeeds as open } from '../support/memory-feeds.js'

describe('memory', () => {
  resultLogSuite({ test, open: openedResultLog(open) })
  liveResultsSuite({ test, open: openedLiveResults(open) })
  feedStoreSuite({ test, open, histories })
})
