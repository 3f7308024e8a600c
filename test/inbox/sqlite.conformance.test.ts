/** The published inbox suite over SQLite, once per engine that is here: two stores on one file. */
import { describe, test } from 'vitest'
import { SQLITE_ENGINES } from '../../src/drivers/sqlite.js'
import { inboxSuite } from '../../src/testkit/index.js'
import { availableEngine } from '../stores/sqlite-support.js'
import { openSqliteInbox } from '../support/inbox-stores.js'

for (const engine of SQLITE_ENGINES.flatMap((name) => availableEngine(name) ?? [])) {
  describe(`sqlite by ${engine.name}`, () => inboxSuite({ test, open: openSqliteInbox(engine) }))
}
