/** The published suites of feeds over PostgreSQL. */
import { describe, test } from 'vitest'
import {
  feedStoreSuite, liveResultsSuite, openedLiveResults, openedResultLog, resultLogSuite,
} from '../../src/testkit/index.js'
import { histories } from '../support/histories.js'
import { openPostgresFeeds } from '../support/postgres-feeds.js'
import { postgresUrl } from '../support/postgres-schemas.js'

/** A name that ends every kind of quoting a statement could use. */
const HOSTILE = `";'--$body$ \\ é{schema}`

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  for (const [name, open] of [
    ['postgres (pg)', openPostgresFeeds({ client: 'pg' })],
    ['postgres (pg), serializable by default', openPostgresFeeds({ client: 'pg', isolation: 'serializable' })],
    ['postgres (postgres.js), hostile schema name', openPostgresFeeds({ client: 'postgres', suffix: HOSTILE })],
  ] as const) {
    describe(name, () => {
      resultLogSuite({ test, open: openedResultLog(open) })
      liveResultsSuite({ test, open: openedLiveResults(open) })
      feedStoreSuite({ test, open, histories })
    })
  }
})
