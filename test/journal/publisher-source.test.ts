/** What a publisher's source gives of a stream of which something was not delivered, when pages of several parts wait. */
import { beforeEach, expect, test } from 'vitest'
import { monotonicMs } from '../../src/core/environment.js'
import { DEFAULT_SCOPE } from '../../src/core/scope.js'
import type { JournalStore } from '../../src/journal/contract.js'
import type { ProgressStore } from '../../src/journal/progress.js'
import type { PublisherBatch } from '../../src/journal/publisher-batch.js'
import { publisherSettings } from '../../src/journal/publisher-options.js'
import type { PublisherSource } from '../../src/journal/publisher-source.js'
import { slotOf } from '../../src/journal/slots.js'
import { memory } from '../../src/memory.js'
import type { Outcome } from '../../src/runner/source.js'
import { appendTo, namesOf, pullSome, sourceOf } from '../support/publisher-sources.js'

const NAME = 'mails'
const LOWER_HALF = (1n << 32n) - 1n
const LEASE_MS = 60_000
const PAGE = 2

const streamIn = (half: 'lower' | 'upper'): string => {
  const isIn = (stream: string): boolean => (slotOf({ scope: DEFAULT_SCOPE, stream }) < 32) === (half === 'lower')
  return Array.from({ length: 100 }, (_, n) => `s${n}`).find(isIn) ?? ''
}

let source: PublisherSource

/** One process that has two parts with a stream of six events each, at different cursors. */
beforeEach(async () => {
  const store = memory()
  const [journal, progress] = [store.journal as JournalStore, store.progress as ProgressStore]
  const settings = publisherSettings({ name: NAME, leaseMs: LEASE_MS, consumer: 'x' }, undefined)
  const take = { publisher: NAME, owner: 'x', leaseMs: LEASE_MS, follow: settings.follow.text, start: undefined }
  const { parts: [whole] } = await progress.take(take)
  await progress.give({ publisher: NAME, part: whole?.part ?? 0, term: whole?.term ?? 0n, slots: LOWER_HALF })
  const { parts } = await progress.take(take)
  expect(parts).toHaveLength(2)
  await appendTo(journal, ['before'])
  const [{ part, term } = { part: 0, term: 0n }] = parts
  const cursor = await journal.head({ tags: undefined, streams: undefined, scope: undefined })
  await progress.save({ publisher: NAME, parts: [{ part, term, cursor, held: [], freed: [], dead: [] }] })
  for (const half of ['lower', 'upper'] as const) await appendTo(journal, Array<string>(6).fill(streamIn(half)))
  source = sourceOf('x', { journal, progress, now: monotonicMs, name: NAME, leaseMs: LEASE_MS })
  await source.begin()
})

const pull = (): Promise<PublisherBatch> => pullSome(source, PAGE)

/** The first page of each part is given, and the second of one: the other's waits. Answers the first of that other. */
async function firstOfWaiting(): Promise<PublisherBatch> {
  const [first, second, third] = [await pull(), await pull(), await pull()]
  expect(first.part).not.toBe(second.part)
  return third.part === first.part ? second : first
}

async function settleAll(batch: PublisherBatch, kind: 'retry' | 'release'): Promise<string> {
  const outcomes = batch.items.map(({ id }, index): Outcome => (
    kind === 'retry' && index === 0 ? { id, kind, error: 'not now', retryInMs: LEASE_MS } : { id, kind: 'release' }))
  await source.settle(batch, outcomes)
  return batch.items[0]?.event.stream ?? ''
}

test.each(['retry', 'release'] as const)('after a %s, a page that waits gives nothing that follows', async (kind) => {
  const stream = await settleAll(await firstOfWaiting(), kind)
  const next = await source.pull(PAGE, new AbortController().signal)
  const given = next === null ? [] : namesOf(next)
  expect(given).not.toContain(`${stream}:3`)
  expect(given).not.toContain(`${stream}:4`)
})
