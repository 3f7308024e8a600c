/** `waybill.journal.prune`: who holds events back, what they lose by force, and what goes. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { createWaybill, permanentError, type Journal, type PruneReport, type Store } from '../../src/index.js'
import { ALL_SLOTS } from '../../src/journal/progress.js'
import { memory } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import { TestClock } from '../../src/testkit/index.js'
import { testFile } from '../stores/sqlite-support.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

const DAY_MS = 86_400_000
const ALL = { tags: undefined, streams: undefined, scope: undefined }
const NOW = { olderThanMs: 0 }

type Shop = ReturnType<typeof opened>

function opened(store: Store) {
  return createWaybill({ store })
}

async function fill(journal: Journal<unknown>, count: number, stream = 'order-7'): Promise<bigint> {
  const { events } = await journal.appendAlone(Array.from({ length: count }, (_, n) => (
    { stream, type: 't', payload: n })))
  return events.at(-1)?.position ?? 0n
}

/** Behind the first page of the journal, once no stranger's transaction holds its low water back. */
async function cursorAfter(journal: Journal<unknown>, limit: number): Promise<string> {
  const first = await journal.readAll({ limit })
  const last = first.events.at(-1)?.position ?? 0n
  for (;;) {
    const { cursor } = await journal.readAll({ limit })
    if (await journal.store.passed(cursor, ALL) >= last) return cursor
  }
}

/** A publisher that has passed everything and has given up the second of `order-7`; its dead letter's number. */
async function withDeadLetter(waybill: Shop): Promise<bigint> {
  await fill(waybill.journal, 3)
  await fill(waybill.journal, 2, 'order-9')
  await publish(waybill, ({ stream, sequence }) => {
    if (stream === 'order-7' && sequence === 2n) throw permanentError('no')
  })
  await passAll(waybill)
  const [letter] = await waybill.publishers.deadLetters('mailer')
  return letter?.number ?? 0n
}

async function publish(
  waybill: Shop, tell: (event: { readonly stream: string; readonly sequence: bigint }) => void,
): Promise<void> {
  const publisher = waybill.publisher({ name: 'mailer', onFailure: 'dead_letter', publish: tell })
  await publisher.drain()
  await publisher.stop()
}

async function passAll({ journal, publishers }: Shop): Promise<void> {
  await publishers.rebase('mailer', { to: { cursor: await cursorAfter(journal, 100) } })
}

function cases(open: (now: () => number) => Store): void {
  const start = async () => {
    const clock = new TestClock()
    const store = open(clock.now)
    const waybill = opened(store)
    onTestFinished(() => waybill.close())
    await waybill.migrate()
    const follow = async (publisher: string, cursor: string | undefined): Promise<void> => {
      await store.progress?.rebase({ publisher, follow: 'all', cursor })
    }
    return { clock, store, waybill, journal: waybill.journal, follow }
  }

  test('without a follower nothing goes, but by force', async () => {
    const { journal } = await start()
    await fill(journal, 5)
    expect(await journal.prune(NOW)).toMatchObject({ removed: 0, remaining: 0, upTo: 0n })
    expect(await journal.prune({ force: true })).toMatchObject({ removed: 0, upTo: 0n })
    expect(await journal.prune({ ...NOW, force: true, dryRun: true })).toMatchObject({ removed: 0, remaining: 5 })
    expect(await journal.prune({ ...NOW, force: true })).toMatchObject({ removed: 5, remaining: 0, lost: [] })
    expect(await journal.highestSequence('order-7')).toBe(5n)
  })

  test('a publisher holds back what it has not passed, and loses it by force', async () => {
    const { journal, follow } = await start()
    await fill(journal, 10)
    await follow('slow', await cursorAfter(journal, 4))
    await follow('new', undefined)
    expect(await journal.prune(NOW)).toMatchObject({ removed: 0, heldBackBy: ['new', 'slow'] })
    await follow('new', await cursorAfter(journal, 6))
    const report = await journal.prune(NOW)
    expect(report).toMatchObject({ removed: 4, heldBackBy: ['slow', 'new'], lost: [] })
    const forced = await journal.prune({ ...NOW, force: true })
    expect(forced).toMatchObject({ removed: 6, heldBackBy: [] })
    expect(forced.lost).toEqual(expect.arrayContaining([
      { publisher: 'slow', events: 6, hasMore: false }, { publisher: 'new', events: 4, hasMore: false },
    ]))
  })

  test('a held stream holds back its next event, wherever the cursor is', async () => {
    const { journal, store, follow } = await start()
    await fill(journal, 6)
    const last = await fill(journal, 1, 'order-9')
    await follow('mailer', await cursorAfter(journal, 7))
    const name = { scope: 'default' as never, stream: 'order-7' }
    await store.progress?.rewind({ publisher: 'mailer', ...name, slot: 0, from: 3n, to: 6n })
    expect(await journal.prune(NOW)).toMatchObject({ removed: 2, heldBackBy: ['mailer'] })
    expect(await store.progress?.holds({ publisher: 'mailer', slots: ALL_SLOTS, limit: 10 })).toHaveLength(1)
    const { lost } = await journal.prune({ ...NOW, force: true, dryRun: true })
    expect(lost).toEqual([{ publisher: 'mailer', events: 4, hasMore: false }])
    await store.progress?.rewind({ publisher: 'mailer', ...name, slot: 0, from: 7n, to: 6n })
    expect(await journal.prune(NOW)).toMatchObject({ removed: 5, upTo: last, heldBackBy: [] })
  })

  test('a dead letter holds back its event, also once it is redriven, until it is published or discarded', async () => {
    const { journal, waybill } = await start()
    const number = await withDeadLetter(waybill)
    expect(await journal.prune(NOW)).toMatchObject({ removed: 1, heldBackBy: ['mailer'] })
    const { lost } = await journal.prune({ ...NOW, force: true, dryRun: true })
    expect(lost).toEqual([{ publisher: 'mailer', events: 1, hasMore: false }])
    expect(await waybill.publishers.redrive('mailer', [number])).toEqual(['redriven'])
    expect(await journal.prune(NOW)).toMatchObject({ removed: 0, heldBackBy: ['mailer'] })
    const seen: bigint[] = []
    await publish(waybill, ({ sequence }) => {
      seen.push(sequence)
      throw permanentError('not again')
    })
    expect(seen).toEqual([2n])
    expect(await journal.prune(NOW)).toMatchObject({ removed: 0, heldBackBy: ['mailer'] })
    const [again] = await waybill.publishers.deadLetters('mailer')
    await waybill.publishers.discard('mailer', [again?.number ?? 0n])
    expect(await journal.prune(NOW)).toMatchObject({ removed: 4, heldBackBy: [] })
  })

  test.each(['holds', 'deadLetters', 'look'] as const)('what is redriven when %s are asked for stays', async (method) => {
    const { journal, store, waybill } = await start()
    const number = await withDeadLetter(waybill)
    const progress = store.progress!
    const ask = progress[method].bind(progress) as (request: never) => Promise<unknown>
    const redriveOnce = async (request: never): Promise<unknown> => {
      delete (progress as Partial<typeof progress>)[method]
      const answer = await ask(request)
      expect(await waybill.publishers.redrive('mailer', [number])).toEqual(['redriven'])
      return answer
    }
    Object.assign(progress, { [method]: redriveOnce })
    expect(await journal.prune(NOW)).toMatchObject({ removed: 1, heldBackBy: ['mailer'] })
    const seen: bigint[] = []
    await publish(waybill, ({ sequence }) => void seen.push(sequence))
    expect(seen).toEqual([2n])
  })

  test.each(['table', 'journal'] as const)('an offset store in a %s holds back what it has not published', async (kind) => {
    const { journal, waybill } = await start()
    await fill(journal, 4)
    await fill(journal, 3, 'order-9')
    const offsets = waybill.offsets('mailer', { kind })
    await offsets.load()
    await offsets.save(new Map([['order-7', 2n], ['order-9', 3n]]))
    expect(await journal.prune(NOW)).toMatchObject({ removed: 2, heldBackBy: ['mailer'] })
    const forced = await journal.prune({ ...NOW, force: true, dryRun: true })
    expect(forced.lost).toEqual([{ publisher: 'mailer', events: 2, hasMore: false }])
    await offsets.save(new Map([['order-7', 4n]]))
    // In the journal itself, what was saved may not go with the events, also by force.
    expect((await journal.prune(NOW)).heldBackBy).toEqual(kind === 'table' ? [] : ['mailer'])
    await journal.prune({ ...NOW, force: true })
    expect(await journal.read('order-9')).toEqual([])
    expect(await waybill.offsets('mailer', { kind }).load()).toEqual(new Map([['order-7', 4n], ['order-9', 3n]]))
  })

  test('by default a week is kept; a view cannot prune; losses are counted to a thousand', async () => {
    const { journal, clock, waybill, follow } = await start()
    await fill(journal, 1_200)
    clock.advance(6 * DAY_MS)
    await fill(journal, 2)
    await follow('new', undefined)
    const prune = (): Promise<PruneReport> => journal.prune({ force: true, dryRun: true })
    expect(await prune()).toMatchObject({ remaining: 0 })
    clock.advance(DAY_MS)
    expect(await prune()).toMatchObject({ remaining: 1_200, lost: [{ publisher: 'new', events: 1_000, hasMore: true }] })
    await expect(waybill.scoped('tenant').journal.prune()).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(journal.prune({ olderThanMs: -1 })).rejects.toMatchObject({ code: 'VALIDATION' })
  })
}

describe('memory', () => cases((now) => memory({ now })))

describe('SQLite', () => cases((now) => sqlite({ path: testFile(), now })))

// reason: there may be no PostgreSQL for this platform; WAYBILL_CI requires one.
describe.skipIf(postgresUrl === null)('PostgreSQL [skipped without a server]', () => cases((now) => {
  const schema = freshSchema()
  onTestFinished(() => dropSchema(schema))
  return postgres({ url: postgresUrl ?? '', schema, now })
}))
