/** Calls of one heap that meet in the database, in an order set by hand. */
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { StoredHeap } from '../../src/deadletters/stored-heap.js'
import { postgres } from '../../src/postgres.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-schemas.js'

async function opened(isolation: string) {
  const schema = freshSchema()
  onTestFinished(() => dropSchema(schema))
  const pool = new pg.Pool({
    connectionString: postgresUrl ?? '', max: 6, options: `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`,
  })
  onTestFinished(() => pool.end())
  const store = postgres({ pool, schema })
  onTestFinished(() => store.close())
  await store.migrate()
  const heap = new StoredHeap(store.heaps!, 'mailer')
  for (const id of ['a', 'b', 'c']) for (let n = 0; n < 10; n += 1) await heap.recordFailure(id, 'before')
  const client = await pool.connect()
  onTestFinished(() => client.release(true))
  const table = `${quoteIdentifier(schema)}.dlq_entry`
  return {
    heap, client,
    /** As `recordFailure` does, in a transaction that stays open. */
    async failSlowly(id: string): Promise<void> {
      await client.query('begin isolation level read committed')
      await client.query(`update ${table} set failures = failures + 1, last_error = 'after',
        fresh = case when drained_by is null then 0 else fresh + 1 end where id = $1`, [id])
    },
    /** Resolves when another waits for that transaction. */
    async untilWaits(): Promise<void> {
      await expect.poll(async () => (await pool.query(
        `select 1 from pg_stat_activity where wait_event_type = 'Lock' and position('${table}' in query) > 0`)).rowCount,
      { timeout: 20_000 }).toBe(1)
    },
  }
}

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => {
  describe.each(['read committed', 'repeatable read', 'serializable'])('%s by default', (isolation) => {
    test('a confirmation waits for a failure under way, and keeps it', async () => {
      const { heap, client, failSlowly, untilWaits } = await opened(isolation)
      await heap.drainExceeded(10)
      await failSlowly('b')
      const confirmed = heap.confirmDrained(['c', 'b', 'a'])
      await untilWaits()
      await client.query('commit')
      await confirmed
      expect(await heap.drainExceeded(1)).toEqual([{ id: 'b', failures: 1, lastError: 'after' }])
    })

    test('a drain waits for nobody: what another holds is in the next one, with what was counted', async () => {
      const { heap, client, failSlowly } = await opened(isolation)
      await failSlowly('b')
      expect((await heap.drainExceeded(10)).map(({ id }) => id).toSorted()).toEqual(['a', 'c'])
      await client.query('commit')
      expect(await heap.drainExceeded(10)).toEqual([{ id: 'b', failures: 11, lastError: 'after' }])
    })

    test('a success waits for a failure under way, and ends it; a failure waits for a failure, and counts on', async () => {
      const { heap, client, failSlowly, untilWaits } = await opened(isolation)
      await failSlowly('a')
      const ended = heap.recordSuccess('a')
      await untilWaits()
      await client.query('commit')
      await ended
      await failSlowly('b')
      const counted = heap.recordFailure('b', 'later')
      await untilWaits()
      await client.query('commit')
      await counted
      const entries = await heap.drainExceeded(10)
      expect(entries.toSorted((x, y) => (x.id < y.id ? -1 : 1))).toEqual(
        [{ id: 'b', failures: 12, lastError: 'later' }, { id: 'c', failures: 10, lastError: 'before' }])
    })
  })
})
