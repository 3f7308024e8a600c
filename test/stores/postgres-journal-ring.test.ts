/** The ring of leaves (schema-journal-ring.ts) under pruning: what is truncated, what is deleted, and who is in the way. */
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import type { PruneResult } from '../../src/journal/contract.js'
import { eachWithPostgresJournal, overPool, type PostgresJournal } from '../support/postgres-journal.js'
import { postgresUrl } from '../support/postgres-schemas.js'

const SPAN = 2 ** 20

let schema: string
let pool: pg.Pool
let waybill: PostgresJournal['waybill']

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL, a ring of leaves [skipped without a server]', () => {
  eachWithPostgresJournal((journal) => {
    ;({ schema, pool, waybill } = journal)
  })

  /** The next position is this one. */
  async function goTo(position: number): Promise<void> {
    await pool.query(`select setval(pg_get_serial_sequence('${schema}.journal_event', 'position'), $1, false)`, [position])
  }

  async function append(count: number, tags = ['red']): Promise<bigint[]> {
    const drafts = Array.from({ length: count }, (_, n) => ({ stream: `s${n % 5}`, type: 't', payload: n, tags }))
    return (await waybill.journal.appendAlone(drafts)).events.map(({ position }) => position)
  }

  async function prune(upTo?: bigint): Promise<PruneResult> {
    const aged = await waybill.journal.store.aged(0)
    return waybill.journal.store.prune({
      ...aged, ...(upTo !== undefined && { upTo }), dryRun: false, signal: undefined, onProgress: undefined })
  }

  async function left(): Promise<bigint[]> {
    return (await waybill.journal.readAll()).events.map(({ position }) => position)
  }

  /** What a leaf is stored in, which a truncation replaces. */
  async function fileOf(leaf: number): Promise<string> {
    const { rows } = await pool.query<{ file: string }>(
      `select pg_relation_filenode($1)::text as file`, [`${schema}.journal_event_${leaf}`])
    return rows[0]?.file ?? ''
  }

  test('spans wander through the leaves, and a page, a tag and a stream are read across them in order', async () => {
    const places: bigint[] = []
    for (let span = 0; span < 10; span += 1) {
      await goTo((span + 1) * SPAN - 3)
      places.push(...await append(5))
    }
    const { rows } = await pool.query(`select count(distinct tableoid)::integer as leaves from ${schema}.journal_event`)
    expect(rows).toEqual([{ leaves: 8 }])
    expect(await left()).toEqual(places)
    expect((await waybill.journal.readByTag('red')).events.map(({ position }) => position)).toEqual(places)
    expect((await waybill.journal.read('s2')).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 10 }, (_, n) => BigInt(n + 1)))
    expect((await waybill.journal.readAll({ limit: 7 })).events.map(({ position }) => position))
      .toEqual(places.slice(0, 7))
  })

  test('a leaf that may go whole is truncated, events and tags; its neighbours keep their rows', async () => {
    const first = await append(6_000)
    await goTo(SPAN)
    const second = await append(10)
    const files = [await fileOf(0), await fileOf(1)]
    expect(await prune(first.at(-1))).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    expect([await fileOf(0) === files[0], await fileOf(1) === files[1]]).toEqual([false, true])
    expect(await left()).toEqual(second)
    const { rows } = await pool.query(`select count(*)::integer as tags from ${schema}.journal_tag`)
    expect(rows).toEqual([{ tags: 10 }])
  })

  test('a ring that wrapped: the old span goes row by row beside the new one in its leaf', async () => {
    const old = await append(6_000)
    await goTo(8 * SPAN)
    const fresh = await append(20)
    const file = await fileOf(0)
    expect(await prune(old.at(-1))).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    expect(await fileOf(0)).toBe(file)
    expect(await left()).toEqual(fresh)
    expect((await waybill.journal.readByTag('red')).events).toHaveLength(20)
  })

  test('an open transaction that added to the leaf is in the way; its row survives and is followed', async () => {
    const client = await pool.connect()
    await client.query('begin')
    const { events: [late] } = await waybill.journal.append(client, [{ stream: 'late', type: 't', payload: 1 }])
    const places = await append(6_000)
    const { cursor } = await waybill.journal.readAll({ limit: 1_000 })
    const upTo = places.at(-1) ?? 0n
    expect(await prune(upTo)).toEqual({ removed: 0, remaining: 6_000, isBusy: true })
    await client.query('commit')
    client.release()
    expect((await prune(upTo)).isBusy).toBe(false)
    // It has committed before the second prune asked, so that one may take it; the first one may not.
    expect(late?.position).toBeLessThan(places[0] ?? 0n)
    expect((await waybill.journal.readAll({ cursor })).hasMore).toBe(false)
  })

  test('what commits after the ages were asked stays, though its position is below: the leaf is not truncated', async () => {
    const client = await pool.connect()
    await client.query('begin')
    const { events: [late] } = await waybill.journal.append(client, [{ stream: 'late', type: 't', payload: 1 }])
    await append(6_000)
    const aged = await waybill.journal.store.aged(0)
    await client.query('commit')
    client.release()
    const result = await waybill.journal.store.prune({
      ...aged, dryRun: false, signal: undefined, onProgress: undefined })
    expect(result).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    expect(await left()).toEqual([late?.position])
  })

  test('a held snapshot that is reading the leaf is in the way, and reads on; one that is not is not', async () => {
    const places = await append(6_000)
    const [reader, idle] = [await pool.connect(), await pool.connect()]
    for (const client of [reader, idle]) await client.query('begin isolation level repeatable read')
    await reader.query(`select count(*) from ${schema}.journal_event where position < 10`)
    await idle.query('select pg_current_snapshot()')
    expect(await prune()).toMatchObject({ removed: 0, isBusy: true })
    const { rows } = await reader.query(`select count(*)::integer as count from ${schema}.journal_event`)
    expect(rows).toEqual([{ count: 6_000 }])
    await reader.query('commit')
    expect(await prune(places.at(-1))).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    for (const client of [reader, idle]) {
      await client.query('rollback')
      client.release()
    }
  })

  test('restored rows, whose transaction ids are of another cluster, go as all others', async () => {
    await append(10)
    await pool.query(`update ${schema}.journal_event set xid = '4000000000000'`)
    expect(await prune()).toEqual({ removed: 10, remaining: 0, isBusy: false })
  })

  test('a role that may not truncate deletes row by row', async () => {
    const role = `${schema}_app`
    await pool.query(`create role ${role} login`)
    await pool.query(`grant usage on schema ${schema} to ${role}`)
    await pool.query(`grant select, insert, update, delete on all tables in schema ${schema} to ${role}`)
    const url = new URL(postgresUrl ?? '')
    url.username = role
    const own = new pg.Pool({ connectionString: url.href, max: 2 })
    await append(6_000)
    const file = await fileOf(0)
    const { store } = overPool(own, schema).journal
    const result = await store.prune({ ...await store.aged(0), dryRun: false, signal: undefined, onProgress: undefined })
    expect(result).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    expect(await fileOf(0)).toBe(file)
    expect(await left()).toEqual([])
    await own.end()
    await pool.query(`drop owned by ${role}`)
    await pool.query(`drop role ${role}`)
  })

  test('a stricter isolation by default removes the same', async () => {
    const strict = new pg.Pool({
      connectionString: postgresUrl ?? '', max: 2, options: '-c default_transaction_isolation=serializable' })
    await append(6_000)
    const { store } = overPool(strict, schema).journal
    const result = await store.prune({ ...await store.aged(0), dryRun: false, signal: undefined, onProgress: undefined })
    expect(result).toEqual({ removed: 6_000, remaining: 0, isBusy: false })
    await strict.end()
  })
})
