/** What is particular to offsets in the journal: the records, what is kept of them, and what is done when they are bad. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import { DEFAULT_SCOPE, scopeId } from '../../src/core/scope.js'
import { sqliteEngine } from '../../src/drivers/sqlite.js'
import type { JournalStore } from '../../src/journal/contract.js'
import type { JournalEvent } from '../../src/journal/event.js'
import { Journal } from '../../src/journal/journal.js'
import { JournalOffsetStore } from '../../src/journal/journal-offset-store.js'
import { ScopedJournalStore } from '../../src/journal/scoped-store.js'
import { openMemoryJournal } from '../support/memory-journal.js'
import { bucketOf, openJournalOffsets, type OpenedBucket } from '../support/offset-stores.js'
import { openPostgresJournal, postgresUrl } from '../support/postgres-outbox.js'
import { openSqliteJournal } from '../support/sqlite-journal.js'

const BUCKET = bucketOf('mailer')

function hexOf(record: JournalEvent | undefined): string | undefined {
  return record && Buffer.from(record.payload).toString('hex')
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(() => 'done', (error: unknown) => (isWaybillError(error) ? error.code : String(error)))
}

function cases(open: () => Promise<OpenedBucket>): void {
  async function opened(): Promise<OpenedBucket> {
    const bucket = await open()
    onTestFinished(() => bucket.close())
    return bucket
  }

  async function saved(bucket: OpenedBucket, ...offsets: readonly bigint[]): Promise<JournalOffsetStore> {
    const store = bucket.openWith('mailer', {})
    await store.load()
    for (const offset of offsets) await store.save(new Map([['agg', offset]]))
    return store
  }

  test('a record is byte for byte that of the design behind it', async () => {
    const bucket = await opened()
    await saved(bucket, 4n)
    const records = await bucket.journal.read(BUCKET)
    expect(records.map(hexOf)).toEqual(['00000000', '01000000030000006167670400000000000000'])
    for (const { manifest, tags, writerId, scope } of records) {
      expect({ manifest, tags, scope }).toEqual({ manifest: 'outbox-offsets', tags: ['outbox-offsets'], scope: 'default' })
      expect(writerId).toMatch(/^outbox-[0-9a-f]{16}$/)
      const milliseconds = Number(BigInt(`0x${writerId?.slice(7) ?? ''}`) / 1_000_000n)
      expect(Math.abs(milliseconds - Date.now())).toBeLessThan(3_600_000)
    }
  })

  test('the last two records are kept, under their tag and in their stream; nothing else is touched', async () => {
    const bucket = await opened()
    await bucket.journal.appendAlone([{ stream: 'agg', type: 't', payload: 1, tags: ['outbox-offsets'] }])
    const follower = await bucket.journal.readAll({ limit: 1 })
    await saved(bucket, 1n, 2n, 3n, 4n, 5n)
    const records = await bucket.journal.read(BUCKET)
    expect(records.map(({ sequence }) => sequence)).toEqual([5n, 6n])
    const tagged = await bucket.journal.readByTag('outbox-offsets')
    expect(tagged.events.map(({ stream, sequence }) => [stream, sequence])).toEqual([['agg', 1n], [BUCKET, 5n], [BUCKET, 6n]])
    const later = await bucket.journal.readAll({ cursor: follower.cursor })
    expect(later.events.map(({ sequence }) => sequence)).toEqual([5n, 6n])
    expect(await bucket.journal.highestSequence(BUCKET)).toBe(6n)
  })

  test('to take over is to write a record, also of no offsets', async () => {
    const bucket = await opened()
    for (const highest of [1n, 2n, 3n]) {
      await saved(bucket)
      expect(await bucket.journal.highestSequence(BUCKET)).toBe(highest)
    }
  })

  test('a damaged record is named, and by request the one before it is taken', async () => {
    const bucket = await opened()
    const owner = await saved(bucket, 4n, 5n)
    await bucket.spoil?.('mailer')
    await expect(bucket.openWith('mailer', {}).load()).rejects.toMatchObject({
      code: 'CORRUPT', retryable: false, details: { name: 'mailer', stream: BUCKET, sequence: '4' },
    })
    const next = bucket.openWith('mailer', { fallback: 'previous' })
    expect(await next.load()).toEqual(new Map([['agg', 5n]]))
    expect(await codeOf(owner.save(new Map([['agg', 6n]])))).toBe('STALE_OWNER')
    await next.save(new Map([['agg', 7n]]))
    expect(await bucket.openWith('mailer', {}).load()).toEqual(new Map([['agg', 7n]]))
  })

  test('an event of another manifest is no record', async () => {
    const bucket = await opened()
    await saved(bucket, 4n)
    await bucket.journal.appendAlone([{ stream: BUCKET, type: 't', payload: Buffer.from('00000000', 'hex') }])
    expect(await codeOf(bucket.openWith('mailer', {}).load())).toBe('CORRUPT')
  })

  test('a deleted bucket is an error, and by request what was deleted is taken', async () => {
    const bucket = await opened()
    await saved(bucket, 4n)
    await bucket.journal.deleteTo(BUCKET, 2n)
    await expect(bucket.openWith('mailer', {}).load()).rejects.toMatchObject({
      code: 'CORRUPT', details: { stream: BUCKET, sequence: '2' },
    })
    const next = bucket.openWith('mailer', { fallback: 'previous' })
    expect(await next.load()).toEqual(new Map([['agg', 4n]]))
    await next.save(new Map([['agg', 5n]]))
    expect(await bucket.openWith('mailer', {}).load()).toEqual(new Map([['agg', 5n]]))
  })

  test('where nothing intact is left, it is an error also by request', async () => {
    const bucket = await opened()
    await saved(bucket, 4n)
    await bucket.store.removeTo({ scope: DEFAULT_SCOPE, stream: BUCKET }, 2n)
    expect(await codeOf(bucket.openWith('mailer', { fallback: 'previous' }).load())).toBe('CORRUPT')
  })

  test('too many offsets fail the save, each time, and what was saved stays', async () => {
    const bucket = await opened()
    const owner = bucket.openWith('mailer', { maxPayloadBytes: 4 + 2 * 15 })
    await owner.load()
    await owner.save(new Map([['agg', 1n], ['two', 1n]]))
    for (let time = 0; time < 2; time += 1) {
      await expect(owner.save(new Map([['six', 1n]]))).rejects.toMatchObject({
        code: 'PAYLOAD_TOO_LARGE', retryable: false,
        details: { name: 'mailer', offsets: 3, bytes: 49, maxPayloadBytes: 34 },
      })
    }
    expect(await codeOf(owner.save(new Map([['agg', 2n]])))).toBe('PAYLOAD_TOO_LARGE')
    const wider = bucket.openWith('mailer', {})
    expect(await wider.load()).toEqual(new Map([['agg', 1n], ['two', 1n]]))
    await wider.save(new Map([['six', 1n]]))
    // What is stored can be taken over whatever the limit is.
    expect((await bucket.openWith('mailer', { maxPayloadBytes: 0 }).load()).size).toBe(3)
  })

  test('a record that cannot be removed is removed later', async () => {
    const bucket = await opened()
    let isBroken = true
    const owner = new JournalOffsetStore('mailer', changed(bucket.store, {
      removeTo: (...request) => (isBroken ? Promise.reject(new Error('planned')) : bucket.store.removeTo(...request)),
    }))
    await owner.load()
    for (const offset of [1n, 2n, 3n]) await owner.save(new Map([['agg', offset]]))
    expect(await bucket.journal.read(BUCKET)).toHaveLength(4)
    isBroken = false
    await owner.save(new Map([['agg', 4n]]))
    expect(await bucket.journal.read(BUCKET)).toHaveLength(2)
  })

  test('a record that is superseded and removed while it is looked for is no deleted one', async () => {
    const bucket = await opened()
    const owner = await saved(bucket, 1n)
    let reads = 0
    const next = new JournalOffsetStore('mailer', changed(bucket.store, {
      async read(request) {
        reads += 1
        // The highest number is known, and what has it goes.
        if (reads === 1) for (const offset of [2n, 3n, 4n]) await owner.save(new Map([['agg', offset]]))
        return bucket.store.read(request)
      },
    }))
    expect(await next.load()).toEqual(new Map([['agg', 4n]]))
    expect(reads).toBe(2)
  })

  test('a scope has buckets of its own', async () => {
    const bucket = await opened()
    await saved(bucket, 4n)
    const scoped = new ScopedJournalStore(bucket.store, scopeId('tenant-7'))
    const store = new JournalOffsetStore('mailer', scoped)
    expect(await store.load()).toEqual(new Map())
    await store.save(new Map([['agg', 9n]]))
    await new Journal(scoped, (tx) => tx).deleteTo(BUCKET, 2n)
    expect(await new JournalOffsetStore('mailer', scoped, { fallback: 'previous' }).load()).toEqual(new Map([['agg', 9n]]))
    expect(await bucket.openWith('mailer', {}).load()).toEqual(new Map([['agg', 4n]]))
  })
}

/** The store, with some methods replaced. */
function changed(store: JournalStore, methods: Partial<JournalStore>): JournalStore {
  return new Proxy(store, {
    get(target, key) {
      const value: unknown = Reflect.get(key in methods ? methods : target, key)
      return typeof value === 'function' ? value.bind(key in methods ? methods : target) as unknown : value
    },
  })
}

describe('in memory', () => cases(() => openJournalOffsets(openMemoryJournal)))
describe('on SQLite', () => cases(() => openJournalOffsets(openSqliteJournal(sqliteEngine()))))
// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('on PostgreSQL [skipped without a server]', () =>
  cases(() => openJournalOffsets(openPostgresJournal({ client: 'pg' }))))
