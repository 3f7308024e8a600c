/** An outbox and a heap of failures, each on its server, with a clock that is ahead by whatever a test says. */
import pg from 'pg'
import { onTestFinished, vi } from 'vitest'
import type { StoredHeap } from '../../src/deadletters/stored-heap.js'
import { postgres } from '../../src/postgres.js'
import { redis } from '../../src/redis.js'
import { sqlite } from '../../src/sqlite.js'
import { quoteIdentifier } from '../../src/sql/identifier.js'
import { createWaybill } from '../../src/waybill.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'
import { lentSchema, postgresUrl } from './postgres-schemas.js'

export type OutboxKind = 'sqlite' | 'postgres'
export type HeapKind = OutboxKind | 'redis'

/** What a child needs to open the same. */
interface Place {
  readonly kind: HeapKind
  readonly place: string
  readonly schema: string
}

/** Lets quarantines go on. */
export interface Held {
  (): Promise<void>
  /** For the lock. */
  whenSomebodyWaits(): Promise<void>
}

const FAILURES = 10

type Opened = ReturnType<typeof openSql>
export type DeadLetters = Awaited<ReturnType<typeof openDeadLetters>>

let prefixes = 0

export async function openDeadLetters(outboxKind: OutboxKind, heapKind: HeapKind, redisUrl: string | undefined) {
  let offset = 0
  const now = (): number => Date.now() + offset
  const own = openSql(outboxKind, now)
  await own.waybill.migrate()
  const heapAt = await openHeap(heapKind, { own, outboxKind, now, redisUrl })
  const { heap } = heapAt
  const { waybill } = own
  const { outbox } = waybill
  const fail = async (id: string, times: number): Promise<void> => {
    for (let failure = 0; failure < times; failure += 1) await heap.recordFailure(id, 'refused')
  }
  const enqueue = async (): Promise<string> => (await outbox.enqueueAlone({ type: 'a', payload: 1 })).id
  return {
    waybill, heap, fail, enqueue,
    words: { outbox: own.place, heap: heapAt.place },
    advance(ms: number) {
      offset += ms
    },
    /** Messages that wait, and have failed often enough; beside one that has failed once. */
    async failed(count: number): Promise<string[]> {
      const ids: string[] = []
      for (let n = 0; n < count; n += 1) ids.push(await enqueue())
      await Promise.all(ids.map((id) => fail(id, FAILURES)))
      return ids
    },
    /** Of its quarantines. */
    async notes(id: string): Promise<string[]> {
      const failures = await outbox.failures(id)
      return failures.filter(({ consumer }) => consumer === 'quarantine').map(({ error }) => error)
    },
    async statuses(ids: readonly string[]): Promise<Record<string, number>> {
      const counts: Record<string, number> = {}
      for (const id of ids) {
        const status = (await outbox.get(id))?.status ?? 'gone'
        counts[status] = (counts[status] ?? 0) + 1
      }
      return counts
    },
    /** Takes a lock that every quarantine of the outbox needs. */
    holdQuarantines: () => (own.place.kind === 'sqlite' ? holdFile(own.place) : holdTable(own.place)),
  }
}

function openSql(kind: OutboxKind, now: () => number) {
  if (kind === 'sqlite') {
    const path = testFile()
    const waybill = createWaybill({ store: sqlite({ path, now }) })
    onTestFinished(() => waybill.close())
    return { waybill, place: { kind, place: path, schema: '' } satisfies Place }
  }
  const [url, { name: schema, giveBack }] = [postgresUrl ?? '', lentSchema()]
  const waybill = createWaybill({ store: postgres({ url, schema, now }) })
  onTestFinished(async () => {
    await waybill.close()
    await giveBack()
  })
  return { waybill, place: { kind, place: url, schema } satisfies Place }
}

interface HeapSurroundings {
  readonly own: Opened
  readonly outboxKind: OutboxKind
  readonly now: () => number
  readonly redisUrl: string | undefined
}

async function openHeap(
  kind: HeapKind, { own, outboxKind, now, redisUrl = '' }: HeapSurroundings,
): Promise<{ heap: StoredHeap; place: Place }> {
  if (kind === outboxKind) return { heap: own.waybill.heap('mailer'), place: own.place }
  if (kind !== 'redis') {
    const { waybill, place } = openSql(kind, now)
    await waybill.migrate()
    return { heap: waybill.heap('mailer'), place }
  }
  prefixes += 1
  const place = { kind, place: redisUrl, schema: `crash:${prefixes}:` }
  const store = redis({ url: place.place, prefix: place.schema, now })
  onTestFinished(() => store.close())
  return { heap: store.heap('mailer'), place }
}

/** Who waits for a file's lock cannot be seen from outside; it asks again and again, so any time is as good. */
async function holdFile({ place }: Place): Promise<Held> {
  const { query } = openHandle(place)
  query('begin immediate')
  return Object.assign(async () => void query('rollback'), { whenSomebodyWaits: async () => undefined })
}

async function holdTable({ place, schema }: Place): Promise<Held> {
  const client = new pg.Client(place)
  await client.connect()
  onTestFinished(() => client.end())
  const table = `${quoteIdentifier(schema)}.outbox_dead`
  await client.query('begin')
  await client.query(`lock table ${table} in access exclusive mode`)
  const waiting = async (): Promise<number> => (await client.query(
    'select pid from pg_locks where relation = $1::regclass and not granted', [table])).rows.length
  const release = async (): Promise<void> => {
    await client.query('rollback')
    // The server goes on with what a dead process has asked for.
    await vi.waitFor(async () => {
      const { rows } = await client.query(
        'select pid from pg_locks where relation = $1::regclass and pid <> pg_backend_pid()', [table])
      if (rows.length > 0) throw new Error('somebody still works on it')
    }, 10_000)
  }
  return Object.assign(release, {
    whenSomebodyWaits: () => vi.waitFor(async () => {
      if (await waiting() === 0) throw new Error('nobody waits')
    }, 10_000),
  })
}
