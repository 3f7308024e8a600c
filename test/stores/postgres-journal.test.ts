/** What only PostgreSQL can do to an append: isolation, rights, the last number, plans made while tables were empty. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { MAX_ASSIGNED } from '../../src/core/u64.js'
import { eachWithPostgresJournal, overPool, type PostgresJournal } from '../support/postgres-journal.js'
import { postgresUrl } from '../support/postgres-schemas.js'

const draft = (stream = 's'): { stream: string; type: string; payload: unknown } => ({ stream, type: 't', payload: 1 })

let schema: string
let pool: pg.Pool
let waybill: PostgresJournal['waybill']

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, appends [skipped without a server]', () => {
  eachWithPostgresJournal((journal) => {
    ;({ schema, pool, waybill } = journal)
  })

  test('a stream that has been given its last number refuses, singly and in a batch, and the transaction goes on', async () => {
    await waybill.journal.appendAlone([draft(), draft('other')])
    await pool.query(`update ${schema}.journal_stream set last = $1 where stream = 's'`, [String(MAX_ASSIGNED - 1n)])
    await waybill.transaction(async (tx) => {
      const { events } = await waybill.journal.append(tx, [draft()], { expectedSequence: MAX_ASSIGNED - 1n })
      expect(events[0]?.sequence).toBe(MAX_ASSIGNED)
      for (const drafts of [[draft()], [draft(), draft()]]) {
        await expect(waybill.journal.append(tx, drafts)).rejects.toMatchObject({ code: 'RANGE_EXHAUSTED' })
      }
      await waybill.journal.append(tx, [draft('other')])
    })
    expect(await waybill.journal.highestSequence('s')).toBe(MAX_ASSIGNED)
    expect(await waybill.journal.highestSequence('other')).toBe(2n)
  })

  test('under REPEATABLE READ an append behind another is a TRANSACTION_ABORTED that says to try again', async () => {
    await waybill.journal.appendAlone([draft()])
    const client = await pool.connect()
    await client.query('begin isolation level repeatable read')
    await client.query('select 1')
    await waybill.journal.appendAlone([draft()])
    await expect(waybill.journal.append(client, [draft()]))
      .rejects.toMatchObject({ code: 'TRANSACTION_ABORTED', retryable: true })
    await client.query('rollback')
    client.release()
    expect(await waybill.journal.highestSequence('s')).toBe(2n)
  })

  test('under REPEATABLE READ a new stream that another has made is a TRANSACTION_ABORTED or the conflict, never a hole', async () => {
    const client = await pool.connect()
    await client.query('begin isolation level repeatable read')
    await client.query('select 1')
    await waybill.journal.appendAlone([draft()])
    await expect(waybill.journal.append(client, [draft()], { expectedSequence: 0 }))
      .rejects.toMatchObject({ code: 'TRANSACTION_ABORTED' })
    await client.query('rollback')
    client.release()
  })

  test('a role with no more than rights on the tables appends, follows and reads', async () => {
    const role = `${schema}_app`
    await pool.query(`create role ${role} login`)
    await pool.query(`grant usage on schema ${schema} to ${role}`)
    await pool.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${role}`)
    const url = new URL(postgresUrl ?? '')
    url.username = role
    const own = new pg.Pool({ connectionString: url.href, max: 2 })
    const journal = overPool(own, schema).journal
    await journal.appendAlone([draft(), { ...draft(), tags: ['red'] }], { idempotencyKey: 'k' })
    const { events, cursor } = await journal.readAll()
    expect(events).toHaveLength(2)
    expect((await journal.readAll({ cursor })).events).toEqual([])
    expect((await journal.readByTag('red')).events).toHaveLength(1)
    await journal.deleteTo('s', 1)
    expect(await journal.read('s')).toHaveLength(1)
    await own.end()
    await pool.query(`drop owned by ${role}`)
    await pool.query(`drop role ${role}`)
  })

  test('deletes that two at once ask for, beside an append, end with the larger', async () => {
    await waybill.journal.appendAlone(Array.from({ length: 5 }, () => draft()))
    await Promise.all([4, 2, 3].map((sequence) => waybill.journal.deleteTo('s', sequence)))
    expect((await waybill.journal.streams())[0]?.deletedTo).toBe(4n)
  })

  test('pages that were planned while there was nothing cost what they cost, not what is stored', async () => {
    const client = new pg.Client(postgresUrl ?? '')
    await client.connect()
    const page = `select * from ${schema}.journal_page($1, null, null, 10, null, $2, '1:1:', '{}', '{}', 9000000000,
      null, null, null)`
    const buffers = async (tags: string | null, after: bigint): Promise<number> => {
      const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
        `explain (analyze, buffers, format json) ${page}`, [tags, String(after)])
      const plan = rows[0]?.['QUERY PLAN'][0].Plan
      return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0)
    }
    // Enough calls for the plans inside the function to be kept.
    for (let n = 0; n < 8; n += 1) for (const tags of [null, '{red}']) await buffers(tags, 0n)
    for (let n = 0; n < 6; n += 1) {
      await waybill.journal.appendAlone(Array.from({ length: 1_000 }, (_, k) => (
        { ...draft(`s${k}`), tags: k % 10 === 0 ? ['red'] : [] })))
    }
    const { events } = await waybill.journal.readAll({ limit: 500 })
    const middle = events.at(-1)?.position ?? 0n
    // The first call after so much growth may plan anew, which reads the catalog.
    for (const tags of [null, '{red}']) await buffers(tags, middle)
    for (const tags of [null, '{red}']) expect(await buffers(tags, middle), String(tags)).toBeLessThan(80)
    await client.end()
  })
})
