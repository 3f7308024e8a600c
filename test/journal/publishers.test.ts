import { describe, expect, onTestFinished, test } from 'vitest'
import type { WaybillErrorCode } from '../../src/core/errors.js'
import { createWaybill, scopedKey, scopeId, type PublishOptions, type ReplayFrom, type Store } from '../../src/index.js'
import { memory } from '../../src/memory.js'
import { postgres } from '../../src/postgres.js'
import { sqlite } from '../../src/sqlite.js'
import { testFile } from '../stores/sqlite-support.js'
import { dropSchema, freshSchema, postgresUrl } from '../support/postgres-outbox.js'

type View = Pick<ReturnType<typeof createWaybill>, 'journal' | 'publisher' | 'publishers' | 'scoped' | 'close'>

/** Names that would end a quoted text, a pattern or a place in an order. */
const HOSTILE = [`o'; drop table x; --`, '%', '_', '\\', '"', 'é', '\u{10ffff}', '\ud7ff', '\ue000', 'a\u0001', 'a', 'aa', 'scope:', 'scope:99:x']

function refused(code: WaybillErrorCode, text = ''): object {
  return expect.objectContaining({ code, message: expect.stringContaining(text) as string })
}

async function append(view: View, stream: string, count = 1, tags: readonly string[] = []): Promise<void> {
  const events = Array.from({ length: count }, (_, n) => ({ stream, type: 'thing.happened', payload: { n }, tags }))
  await view.journal.appendAlone(events)
}

/** What a process that publishes until nothing is due publishes. */
async function published(view: View, options: Partial<PublishOptions> = {}): Promise<string[]> {
  const log: string[] = []
  const publisher = view.publisher({
    name: 'mails', saveEveryMs: 0, retry: { baseMs: 3_600_000, maxMs: 3_600_000, jitter: 'none' },
    ...options,
    transport: undefined,
    publish: async (event, context) => {
      log.push(`${event.stream}:${event.sequence}`)
      await options.publish?.(event, context)
    },
  })
  try {
    await publisher.drain()
  } finally {
    await publisher.stop()
  }
  return log
}

function ofStream(log: readonly string[], stream: string): string[] {
  return log.filter((name) => name.startsWith(`${stream}:`))
}

/** Six events of two streams, all published. */
async function shop(open: () => Store): Promise<View> {
  const waybill = createWaybill({ store: open() })
  onTestFinished(() => waybill.close())
  await waybill.migrate()
  await append(waybill, 'a', 3)
  await append(waybill, 'b', 2)
  await append(waybill, 'a', 1)
  expect(await published(waybill)).toHaveLength(6)
  return waybill
}

function listing(open: () => Store): void {
  test('list and get: parts, members, what is held and given up; by name', async () => {
    const waybill = await shop(open)
    await append(waybill, 'b', 2)
    await published(waybill, { publish: ({ stream }) => {
      if (stream === 'b') throw new Error('down')
    } })
    expect(await waybill.publishers.get('mails')).toMatchObject({
      name: 'mails', follow: 'all', members: 0, heldStreams: 1, deadLetters: 0, parts: [{ owner: undefined, leaseMs: 0 }],
    })
    expect(await waybill.publishers.heldStreams('mails')).toMatchObject([
      { stream: 'b', from: 3n, to: 4n, attempts: 1, error: expect.stringContaining('down') as string },
    ])
    await published(waybill, {
      name: 'other', onFailure: 'dead_letter', maxAttempts: 1, follow: { tags: ['x', 'red'] },
    })
    await append(waybill, 'c', 2, ['red'])
    await published(waybill, {
      name: 'other', onFailure: 'dead_letter', maxAttempts: 1, follow: { tags: ['red', 'x'] }, publish: () => {
        throw new Error('refused')
      },
    })
    expect((await waybill.publishers.list()).map(({ name }) => name)).toEqual(['mails', 'other'])
    expect(await waybill.publishers.list({ after: 'mails' })).toMatchObject([
      { name: 'other', follow: { tags: ['red', 'x'] }, heldStreams: 0, deadLetters: 2 },
    ])
    const letters = await waybill.publishers.deadLetters('other')
    expect(letters).toMatchObject([{ stream: 'c', sequence: 1n, attempts: 1 }, { sequence: 2n }])
    expect(await waybill.publishers.deadLetters('other', { after: letters[0]!.number })).toEqual([letters[1]])
    expect(await waybill.publishers.list({ limit: 0 })).toEqual([])
    expect([await waybill.publishers.forget('other'), await waybill.publishers.forget('other')]).toEqual([true, false])
    expect(await waybill.publishers.get('other')).toBeUndefined()
    expect(await waybill.publishers.deadLetters('other')).toEqual([])
  })

  test('a scope sees, moves and forgets its own publishers only', async () => {
    const waybill = await shop(open)
    const [tenant, foreign] = [waybill.scoped('tenant-7'), waybill.scoped('tenant')]
    for (const view of [tenant, foreign]) {
      await append(view, 't', 2)
      expect(await published(view)).toEqual(['t:1', 't:2'])
    }
    expect((await tenant.publishers.list()).map(({ name }) => name)).toEqual(['mails'])
    expect(await tenant.publishers.list({ after: 'mails' })).toEqual([])
    const stored = scopedKey(scopeId('tenant-7'), 'mails')
    expect((await waybill.publishers.list()).map(({ name }) => name).toSorted())
      .toEqual(['mails', scopedKey(scopeId('tenant'), 'mails'), stored])
    // By its stored name, in its own scope.
    expect(await waybill.publishers.replay(stored, { from: 'earliest' })).toMatchObject({ events: 2, moved: true })
    expect([await published(tenant), await published(foreign), await published(waybill)])
      .toEqual([['t:1', 't:2'], [], expect.not.arrayContaining(['a:1'])])
    expect(await tenant.publishers.replay('mails', { from: { stream: 't', sequence: 2 } })).toMatchObject({ events: 1 })
    expect(await published(tenant)).toEqual(['t:2'])
    expect(await tenant.publishers.forget('mails')).toBe(true)
    expect((await waybill.publishers.list()).map(({ name }) => name)).not.toContain(stored)
    expect(await foreign.publishers.get('mails')).toBeDefined()
    expect(() => waybill.publisher({ name: stored, publish: () => undefined })).toThrow(refused('VALIDATION', 'scope'))
  })

  test('any name at all', async () => {
    const waybill = await shop(open)
    const tenant = waybill.scoped(`%'_"\\`)
    for (const view of [waybill, tenant]) for (const name of HOSTILE) await published(view, { name, start: 'head' })
    const names = [...HOSTILE].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    expect((await tenant.publishers.list()).map(({ name }) => name)).toEqual(names)
    for (const [n, name] of names.entries()) {
      expect(await tenant.publishers.get(name)).toMatchObject({ name })
      expect((await tenant.publishers.list({ after: name, limit: 1 })).map((each) => each.name)).toEqual(names.slice(n + 1, n + 2))
      expect(await waybill.publishers.replay(name, { from: 'earliest', dryRun: true })).toMatchObject({ events: 6 })
      expect(await tenant.publishers.forget(name)).toBe(true)
      expect(await waybill.publishers.get(name)).toMatchObject({ name })
    }
    expect(await tenant.publishers.list()).toEqual([])
    for (const name of ['b', 'ab', 'mail', 'mailt', 'x'.repeat(255)]) expect(await waybill.publishers.get(name)).toBeUndefined()
    for (const name of ['', ' ', '\u0000', '\ud800', 'x'.repeat(800)]) {
      await expect(waybill.publishers.get(name)).rejects.toThrow(refused('VALIDATION', 'name'))
    }
  })
}

function replaying(open: () => Store): void {
  test.each(['earliest', 'head', 'cursor', 'time'] as const)('replay from %s publishes what the dry run said', async (kind) => {
    const waybill = await shop(open)
    const first = await waybill.journal.readAll({ limit: 4 })
    const { events } = await waybill.journal.readAll()
    const time = events[3]!.createdAt
    const since = events.findIndex(({ createdAt }) => createdAt >= time)
    const froms: Readonly<Record<typeof kind, readonly [ReplayFrom, number]>> = {
      earliest: ['earliest', 6], head: ['head', 0], cursor: [{ cursor: first.cursor }, 2], time: [{ time }, 6 - since],
    }
    const [from, count] = froms[kind]
    const before = await waybill.publishers.get('mails')
    const dry = await waybill.publishers.replay('mails', { from, dryRun: true })
    expect(dry).toEqual({ events: count, hasMore: false, moved: false, released: 0 })
    expect(await waybill.publishers.get('mails')).toEqual(before)
    expect(await published(waybill)).toEqual([])
    expect(await waybill.publishers.replay('mails', { from })).toEqual({ ...dry, moved: true })
    const log = await published(waybill)
    const wanted = events.slice(6 - count).map(({ stream, sequence }) => `${stream}:${sequence}`)
    expect(log.toSorted()).toEqual(wanted.toSorted())
    for (const stream of ['a', 'b']) expect(ofStream(log, stream)).toEqual(ofStream(wanted, stream))
    await append(waybill, 'a')
    expect(await published(waybill)).toEqual(['a:5'])
  })

  test('a time before all events, after all, and within many pages', async () => {
    const waybill = await shop(open)
    await append(waybill, 'c', 2_500)
    const replay = (time: number) => waybill.publishers.replay('mails', { from: { time }, dryRun: true })
    expect((await replay(0)).events).toBe(2_506)
    expect((await replay(Number.MAX_SAFE_INTEGER)).events).toBe(0)
    const { events: [last] } = await waybill.journal.readAll({ cursor: (await waybill.journal.readAll({ limit: 6 })).cursor, limit: 1 })
    expect((await replay(last!.createdAt)).events).toBeGreaterThanOrEqual(2_500)
    const reads: number[] = []
    const stop = new AbortController()
    const ended = await waybill.publishers.replay('mails', { from: 'earliest', signal: stop.signal, onProgress: (read) => {
      reads.push(read)
      if (read >= 2_000) stop.abort()
    } })
    expect(ended).toEqual({ events: 2_000, hasMore: true, moved: false, released: 0 })
    expect(reads).toEqual([1_000, 2_000])
    expect(await waybill.publishers.replay('mails', { from: { time: 0 }, signal: stop.signal }))
      .toEqual({ events: 0, hasMore: true, moved: false, released: 0 })
    // Nothing was moved: what was new is published, and nothing else.
    expect(await published(waybill)).toHaveLength(2_500)
  })

  test('a stream from a number on, beside the others; deleted events come too', async () => {
    const waybill = await shop(open)
    await waybill.journal.deleteTo('a', 3)
    const from = { stream: 'a', sequence: 2 }
    expect(await waybill.publishers.replay('mails', { from, dryRun: true })).toEqual({ events: 3, hasMore: false, moved: false, released: 0 })
    expect(await published(waybill)).toEqual([])
    expect(await waybill.publishers.replay('mails', { from })).toMatchObject({ events: 3, moved: true })
    await append(waybill, 'b')
    const log = await published(waybill)
    expect([ofStream(log, 'a'), ofStream(log, 'b')]).toEqual([['a:2', 'a:3', 'a:4'], ['b:3']])
    expect(await published(waybill)).toEqual([])
  })

  test('a stream that waits, or that the publisher has not come to, loses nothing by it', async () => {
    const waybill = await shop(open)
    let isDown = true
    const publish = ({ stream, sequence }: { stream: string; sequence: bigint }): void => {
      if (isDown && stream === 'a' && sequence === 5n) throw new Error('down')
    }
    await append(waybill, 'a', 3)
    expect(await published(waybill, { publish })).toEqual(['a:5'])
    isDown = false
    // From 5, where it waits, and not from 6.
    expect(await waybill.publishers.replay('mails', { from: { stream: 'a', sequence: 6 } })).toMatchObject({ events: 3 })
    await append(waybill, 'a', 2)
    expect(await published(waybill, { publish })).toEqual(['a:5', 'a:6', 'a:7', 'a:8', 'a:9'])
    await append(waybill, 'a', 3)
    expect(await waybill.publishers.replay('mails', { from: { stream: 'a', sequence: 11 } }))
      .toEqual({ events: 0, hasMore: false, moved: false, released: 0 })
    expect(await waybill.publishers.replay('mails', { from: { stream: 'a', sequence: 9 } })).toMatchObject({ events: 1 })
    expect(await published(waybill)).toEqual(['a:9', 'a:10', 'a:11', 'a:12'])
  })

  test('what is held is told, and let go when all is moved', async () => {
    const waybill = await shop(open)
    await append(waybill, 'b', 1)
    await published(waybill, { publish: () => {
      throw new Error('down')
    } })
    expect(await waybill.publishers.replay('mails', { from: 'head' })).toEqual({ events: 0, hasMore: false, moved: true, released: 1 })
    expect(await waybill.publishers.heldStreams('mails')).toEqual([])
    expect(await published(waybill)).toEqual([])
  })

  test('by tag: what is counted is what is followed', async () => {
    const waybill = await shop(open)
    const options = { name: 'red', follow: { tags: ['red'] } } as const
    for (const tags of [['red'], [], ['red', 'blue'], ['blue']]) await append(waybill, 'r', 1, tags)
    expect(await published(waybill, options)).toEqual(['r:1', 'r:3'])
    for (const from of ['earliest', { stream: 'r', sequence: 1 }] as const) {
      expect(await waybill.publishers.replay('red', { from })).toMatchObject({ events: 2 })
      expect(await published(waybill, options)).toEqual(['r:1', 'r:3'])
    }
    const { cursor } = await waybill.journal.readAll()
    await expect(waybill.publishers.replay('red', { from: { cursor } })).rejects.toThrow(refused('VALIDATION', 'cursor'))
    const byTag = await waybill.journal.readByTag('red', { limit: 1 })
    expect(await waybill.publishers.replay('red', { from: byTag })).toMatchObject({ events: 1, moved: true })
  })

  test('a publisher at work takes a replay up', async () => {
    const waybill = await shop(open)
    const log: string[] = []
    let seen = (): void => undefined
    const publisher = waybill.publisher({ name: 'mails', leaseMs: 60, pollMaxMs: 10, publish: ({ stream, sequence }) => {
      log.push(`${stream}:${sequence}`)
      seen()
    } })
    const until = (count: number): Promise<void> => new Promise((resolve) => {
      seen = () => {
        if (log.length >= count) resolve()
      }
      seen()
    })
    await publisher.start()
    try {
      await waybill.publishers.replay('mails', { from: 'earliest' })
      await until(6)
      await publisher.drain()
      await waybill.publishers.replay('mails', { from: { stream: 'b', sequence: 1 } })
      await until(8)
    } finally {
      await publisher.stop()
    }
    expect([log.slice(0, 6).toSorted(), log.slice(6)])
      .toEqual([['a:1', 'a:2', 'a:3', 'a:4', 'b:1', 'b:2'], ['b:1', 'b:2']])
  })
}

function rebasing(open: () => Store): void {
  test('rebase: another place, something else that is followed, and its cursors', async () => {
    const waybill = await shop(open)
    await append(waybill, 'r', 2, ['red'])
    await waybill.publishers.rebase('mails', { to: 'earliest' })
    expect(await published(waybill)).toHaveLength(8)
    await waybill.publishers.rebase('mails', { to: 'head', follow: { tags: ['red'] } })
    await expect(published(waybill)).rejects.toThrow(refused('PUBLISHER_MISMATCH'))
    const follow = { tags: ['red'] }
    expect(await published(waybill, { follow })).toEqual([])
    const { cursor } = await waybill.journal.readByTag('red', { limit: 1 })
    await waybill.publishers.rebase('mails', { to: { cursor } })
    expect(await published(waybill, { follow })).toEqual(['r:2'])
    await expect(waybill.publishers.rebase('mails', { to: { cursor }, follow: 'all' })).rejects.toThrow(refused('VALIDATION', 'cursor'))
    await waybill.publishers.rebase('mails', { to: 'earliest', follow: { streams: ['b'] } })
    expect(await waybill.publishers.get('mails')).toMatchObject({ follow: { streams: ['b'] } })
    expect(await published(waybill, { follow: { streams: ['b'] } })).toEqual(['b:1', 'b:2'])
  })

  test('what is asked for wrongly moves and makes nothing', async () => {
    const waybill = await shop(open)
    const { publishers } = waybill
    const before = await publishers.list()
    const wrong: readonly [() => Promise<unknown>, string][] = [
      [() => publishers.replay('mail', { from: 'earliest' }), 'no publisher'],
      [() => publishers.rebase('mail', { to: 'head' }), 'no publisher'],
      [() => publishers.replay('mails', { from: { cursor: 'garbage' } }), 'cursor'],
      [() => publishers.replay('mails', { from: 'start' as 'head' }), 'from'],
      [() => publishers.replay('mails', { from: {} as { cursor: string } }), 'from'],
      [() => publishers.rebase('mails', { to: undefined as unknown as 'head' }), 'to'],
      [() => publishers.rebase('mails', { to: { time: 1 } as unknown as 'head' }), 'to'],
      [() => publishers.rebase('mails', { to: 'head', follow: { tags: [] } }), 'follow.tags'],
      [() => publishers.replay('mails', { from: { time: -1 } }), 'time'],
      [() => publishers.replay('mails', { from: { time: 1.5 } }), 'time'],
      [() => publishers.replay('mails', { from: { stream: 'a', sequence: 0 } }), 'sequence must be from 1'],
      [() => publishers.replay('mails', { from: { stream: 'a', sequence: 5 } }), 'which is 4'],
      [() => publishers.replay('mails', { from: { stream: 'none', sequence: 1 } }), 'which is 0'],
      [() => publishers.replay('mails', { from: { stream: 'outbox::x', sequence: 1 } }), 'not one that the publisher follows'],
      [() => publishers.replay('mails', { from: { stream: 'a', sequence: 1, scope: ' ' } }), 'scope'],
      [() => publishers.list({ limit: 1_001 }), 'limit'],
      [() => publishers.deadLetters('mails', { after: -1n }), 'after'],
    ]
    for (const [call, text] of wrong) await expect(call()).rejects.toThrow(refused('VALIDATION', text))
    expect(await publishers.list()).toEqual(before)
    expect(await published(waybill)).toEqual([])
  })
}

function cases(open: () => Store): void {
  listing(open)
  replaying(open)
  rebasing(open)
}

describe('memory', () => cases(() => memory()))
describe('sqlite', () => cases(() => sqlite({ path: testFile() })))
// reason: there is no server and none could be started; the run's first lines say why
describe.skipIf(postgresUrl === null)('postgres [skipped without a server]', () => cases(() => {
  const schema = freshSchema()
  onTestFinished(() => dropSchema(schema))
  return postgres({ url: postgresUrl ?? '', schema })
}))

test('a store without progress, or without a journal, says so', () => {
  const { journal: _, ...noJournal } = memory()
  const { progress: __, ...noProgress } = memory()
  for (const store of [noJournal, noProgress]) {
    expect(() => createWaybill({ store }).publishers).toThrow(refused('CONFIG_INVALID'))
  }
})
