/** What is removed from a stream leaves no rows: neither events nor tags. */
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createWaybill, DEFAULT_SCOPE, type Store } from '../../src/index.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'
import { openHandle, testFile } from './sqlite-support.js'

/** Three of five events, and both of another stream, are left. */
async function removeSome(store: Store): Promise<void> {
  const waybill = createWaybill({ store })
  onTestFinished(() => waybill.close())
  await waybill.migrate()
  const event = { stream: 'a', type: 't', payload: 1, tags: ['red', 'blue'] }
  await waybill.journal.appendAlone([event, event, { ...event, stream: 'b' }, event, event, event, { ...event, stream: 'b' }])
  await waybill.journal.store.removeTo({ scope: DEFAULT_SCOPE, stream: 'a' }, 2n)
}

test('on SQLite', async () => {
  const path = testFile()
  await removeSome(sqlite({ path }))
  const { query } = openHandle(path)
  expect(query('select count(*) as n from waybill_journal_event')).toEqual([{ n: 5n }])
  expect(query('select count(*) as n from waybill_journal_tag')).toEqual([{ n: 10n }])
})

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  test('on PostgreSQL', async () => {
    const schema = freshSchema()
    onTestFinished(() => dropSchema(schema))
    const pool = new pg.Pool({ connectionString: postgresUrl ?? '' })
    onTestFinished(() => pool.end())
    await removeSome(postgres({ pool, schema }))
    for (const [table, n] of [['journal_event', '5'], ['journal_tag', '10']] as const) {
      expect((await pool.query(`select count(*) as n from ${schema}.${table}`)).rows).toEqual([{ n }])
    }
  })
})
