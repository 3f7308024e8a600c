/**
 * What a commit of a feed costs, in pages touched: never in time. Nothing is vacuumed, so that what has left the ring
 * lies in the way of whoever would step over it.
 */
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { SqlStatement } from '../../src/core/sql.js'
import { postgres } from '../../src/postgres.js'
import { commitParams } from '../../src/stores/postgres/feed-rows.js'
import { feedStatements, type FeedStatements } from '../../src/stores/postgres/feed-statements.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-schemas.js'

const HASH = 'hash'
const PUT = 20
const GONE = 10

interface Plan {
  readonly 'Shared Hit Blocks': number
  readonly 'Shared Read Blocks': number
  readonly 'Parent Relationship'?: string
  readonly Plans?: readonly Plan[]
}

interface Feed {
  readonly feed: string
  readonly rows: number
  readonly capacity: number
  /** Results that were in the ring. */
  readonly left: number
}

const SMALL: Feed = { feed: 'small', rows: 100, capacity: 100, left: 10 }
const LARGE: Feed = { feed: 'large', rows: 100_000, capacity: 100_000, left: 200_000 }

let schema: string
let sql: FeedStatements
let client: pg.Client

// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('PostgreSQL, what a commit costs [skipped without a server]', () => {
  beforeEach(async () => {
    schema = freshSchema()
    sql = feedStatements(schema)
    const store = postgres({ url: postgresUrl ?? '', schema })
    await store.migrate()
    await store.close()
    client = new pg.Client(postgresUrl ?? '')
    await client.connect()
    for (const table of ['feed', 'feed_result', 'feed_row']) {
      await client.query(`alter table ${schema}.${table} set (autovacuum_enabled = false)`)
    }
  })

  afterEach(async () => {
    await client.end()
    await dropSchema(schema)
  })

  test.each([
    ['by a plan that was made while there was nothing', 'force_generic_plan', false, false],
    ['by a plan that was made for a few, when the statistics have followed', 'force_generic_plan', true, true],
    ['planned each time, with statistics', 'force_custom_plan', false, true],
  ] as const)('beside 100,000 rows, and 200,000 results that have left a full ring: what it writes, %s',
    async (_, mode, isAnalyzedSmall, isAnalyzedLarge) => {
      await client.query(`set plan_cache_mode = ${mode}`)
      if (isAnalyzedSmall) {
        await fill(SMALL)
        await analyze()
      }
      await prepare('commit', sql.commit(paramsOf(SMALL, 0)))
      await prepare('sweep', sql.sweep([SMALL.feed, 0n, 0n, '{}']))
      if (!isAnalyzedSmall) await fill(SMALL)
      await pagesOf('commit', paramsOf(SMALL, 1))
      await fill(LARGE)
      if (isAnalyzedLarge) await analyze()
      const small: number[] = []
      const large: number[] = []
      for (let round = 2; round < 7; round += 1) {
        small.push(await pagesOf('commit', paramsOf(SMALL, round)))
        large.push(await pagesOf('commit', paramsOf(LARGE, round)))
      }
      const { rows: [kept] } = await client.query<{ n: string; latest: string }>(
        `select count(*) as n, max(sequence) as latest from ${schema}.feed_result where feed = '${LARGE.feed}'`)
      expect(Number(kept?.n)).toBe(LARGE.capacity)
      // Of the same look-ups the trees of the large ones are two levels deeper.
      expect(Math.max(...large)).toBeLessThanOrEqual(3 * Math.max(...small))
      const first = BigInt(LARGE.left) + 6n
      const signatures = `{${Array.from({ length: GONE }, (__, n) => stored(n + 1))}}`
      expect(await pagesOf('sweep', [LARGE.feed, first - 5n, first, signatures]))
        .toBeLessThanOrEqual(3 * Math.max(...small))
    }, 120_000)
})

function paramsOf({ feed, capacity, rows }: Feed, round: number): SqlStatement['params'] {
  const spread = (n: number): bigint => BigInt(1 + (n * 7_919 + round * 104_729) % rows)
  return commitParams({
    feed, configHash: HASH, capacity, results: [Buffer.from(`result ${round}`)],
    mutations: [
      ...Array.from({ length: PUT }, (_, n) => ({ signature: spread(n), data: Buffer.from(`row ${round}`) })),
      ...Array.from({ length: GONE }, (_, n) => ({ signature: spread(PUT + n), data: undefined })),
    ],
  })
}

/** As so many commits would have left it. */
async function fill({ feed, rows, capacity, left }: Feed): Promise<void> {
  const sequence = left + capacity
  await client.query(`insert into ${schema}.feed (feed, incarnation, config_hash, sequence, first, capacity, version)
    values ($1, 'i', $2, $3::bigint, $4::bigint, $5::integer, 1)`, [feed, HASH, sequence, left + 1, capacity])
  await client.query(`insert into ${schema}.feed_result (feed, sequence, content)
    select $1, n + $3::bigint, 'result' from generate_series(1, $2::bigint) n`, [feed, sequence, stored(0)])
  await client.query(`delete from ${schema}.feed_result where feed = $1 and sequence <= $2::bigint`, [feed, stored(left)])
  await client.query(`insert into ${schema}.feed_row (feed, signature, content)
    select $1, n + $3::bigint, 'row' from generate_series(1, $2::bigint) n`, [feed, rows, stored(0)])
}

async function analyze(): Promise<void> {
  await client.query(`analyze ${schema}.feed_result, ${schema}.feed_row`)
}

function stored(number: number): string {
  return (BigInt(number) - 2n ** 63n).toString()
}

async function prepare(name: string, { text }: SqlStatement): Promise<void> {
  await client.query(`prepare "${name}" as ${text}`)
}

/** Of all parts of the statement; those that others read are counted twice. */
async function pagesOf(name: string, params: SqlStatement['params']): Promise<number> {
  const values = params.map((value) => client.escapeLiteral(String(value))).join(', ')
  const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
    `explain (analyze, buffers, format json) execute "${name}" (${values})`)
  const plan = rows[0]?.['QUERY PLAN'][0].Plan
  const parts = plan === undefined ? [] : [plan, ...(plan.Plans ?? []).filter((part) => (
    part['Parent Relationship'] === 'InitPlan'))]
  expect(parts.length).toBeGreaterThan(1)
  return parts.reduce((sum, part) => sum + part['Shared Hit Blocks'] + part['Shared Read Blocks'], 0)
}
