/** The published suites of feeds over SQLite, once per engine that is here. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import {
  feedStoreSuite, liveResultsSuite, openedLiveResults, openedResultLog, resultLogSuite,
} from '../../src/testkit/index.js'
import { availableEngine } from '../stores/sqlite-support.js'
import { histories } from '../support/histories.js'
import { openSqliteFeeds } from '../support/sqlite-feeds.js'

for (const engine of SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? [])) {
  const open = openSqliteFeeds(engine)
  describe(`sqlite by ${engine.name}`, () => {
    resultLogSuite({ test, open: openedResultLog(open) })
    liveResultsSuite({ test, open: openedLiveResults(open) })
    feedStoreSuite({ test, open, histories })
  })
}
