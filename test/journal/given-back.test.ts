/** What becomes of a publisher's part when events of it are given back untried, as when its lease was in doubt. */
import { beforeEach, expect, test } from 'vitest'
import { monotonicMs } from '../../src/core/environment.js'
import type { JournalStore } from '../../src/journal/contract.js'
import type { ProgressStore } from '../../src/journal/progress.js'
import type { PublisherBatch } from '../../src/journal/publisher-batch.js'
import type { PublisherSource } from '../../src/journal/publisher-source.js'
import { memory } from '../../src/memory.js'
import type { Outcome } from '../../src/runner/source.js'
import { appendTo, namesOf, pullSome as pullSomeOf, sourceOf as sourceAt } from '../support/publisher-sources.js'

const NAME = 'mails'
const LEASE_MS = 60_000
const LOWER_HALF = (1n << 32n) - 1n
const NEVER = new AbortController().signal

let journal: JournalStore
let progress: ProgressStore
let source: PublisherSource
let clock: number

const sourceOf = (consumer: string): PublisherSource =>
  sourceAt(consumer, { journal, progress, now: () => clock, name: NAME, leaseMs: LEASE_MS })

/** One process that has everything: `a:1 b:1 a:2 b:2 c:1`. */
beforeEach(async () => {
  const store = memory()
  journal = store.journal as JournalStore
  progress = store.progress as ProgressStore
  await appendTo(journal, ['a', 'b', 'a', 'b', 'c'])
  clock = monotonicMs()
  source = sourceOf('x')
  await source.begin()
})

const pull = (limit = 10): Promise<PublisherBatch | null> => source.pull(limit, NEVER)

const pullSome = (limit = 10): Promise<PublisherBatch> => pullSomeOf(source, limit)

/** Those named are given back, the others are delivered. */
async function deliverBut(batch: PublisherBatch, ...givenBack: string[]): Promise<void> {
  const names = namesOf(batch)
  await source.settle(batch, batch.items.map(({ id }, place): Outcome => (
    { id, kind: givenBack.includes(names[place] ?? '') ? 'release' : 'ack' })))
}

test('what was delivered behind it is not given again', async () => {
  await deliverBut(await pullSome(), 'a:1', 'a:2')
  expect(namesOf(await pullSome())).toEqual(['a:1', 'a:2'])
})

test('nor to the next process, when this one ends', async () => {
  await deliverBut(await pullSome(), 'a:1', 'a:2')
  await source.close()
  source = sourceOf('y')
  await source.begin()
  expect(namesOf(await pullSome())).toEqual(['a:1', 'a:2'])
})

test('nor what waited behind another part, or was under way, when this one ends', async () => {
  const taken = { publisher: NAME, owner: 'x', leaseMs: LEASE_MS, follow: (await progress.look(NAME))?.follow ?? '' }
  const { parts: [whole] } = await progress.take({ ...taken, start: undefined })
  await progress.give({ publisher: NAME, part: whole?.part ?? 0, term: whole?.term ?? 0n, slots: LOWER_HALF })
  source = sourceOf('x')
  await source.begin()
  const open = [await pullSome(2), await pullSome(2), await pullSome(2)]
  const delivered = open.flatMap((batch) => namesOf(batch).slice(1))
  for (const batch of open) {
    await source.settle(batch, batch.items.slice(1).map(({ id }): Outcome => ({ id, kind: 'ack' })))
  }
  await source.close()
  source = sourceOf('y')
  await source.begin()
  const again: string[] = []
  for (let batch = await pull(); batch !== null; batch = await pull()) {
    again.push(...namesOf(batch))
    await deliverBut(batch)
  }
  expect(again.filter((name) => delivered.includes(name))).toEqual([])
  expect([...again, ...delivered].toSorted()).toEqual(['a:1', 'a:2', 'b:1', 'b:2', 'c:1'])
})

test('what was given back with nothing delivered behind it is read again, and no stream is held', async () => {
  await deliverBut(await pullSome(), 'b:2', 'c:1')
  const again = await pullSome()
  expect([namesOf(again), again.part.holds.size]).toEqual([['b:2', 'c:1'], 0])
})

test('what was delivered is not given again either when that was in a later page, or it is given back twice', async () => {
  const [first, second] = [await pullSome(2), await pullSome(10)]
  await deliverBut(second, 'a:2')
  await deliverBut(first, 'a:1')
  const again = await pullSome()
  expect(namesOf(again)).toEqual(['a:1', 'a:2'])
  await deliverBut(again, 'a:1', 'a:2')
  const all = await pullSome()
  expect(namesOf(all)).toEqual(['a:1', 'a:2'])
  await deliverBut(all)
  expect(await pull()).toBeNull()
})

test('what was held behind it, and has been published from its stream since, is not given again', async () => {
  const batch = await pullSome()
  const [a1, b1, a2, b2, c1] = batch.items.map(({ id }) => id) as [string, string, string, string, string]
  await source.settle(batch, [
    { id: b1, kind: 'retry', error: 'not now', retryInMs: 0 }, { id: b2, kind: 'release' },
    { id: c1, kind: 'ack' },
  ])
  const held = await pullSome()
  expect(namesOf(held)).toEqual(['b:1', 'b:2'])
  await deliverBut(held)
  await source.settle(batch, [{ id: a1, kind: 'release' }, { id: a2, kind: 'release' }])
  expect(namesOf(await pullSome())).toEqual(['a:1', 'a:2'])
})

test('streams are held up to the last event that was delivered; what lies behind it is read again', async () => {
  const batch = await pullSome()
  await deliverBut(batch, 'a:1', 'a:2', 'b:2', 'c:1')
  expect([...batch.part.holds.values()].map(({ stream, from, to }) => [stream, from, to])).toEqual([['a', 1n, 1n]])
  const given: string[] = []
  for (let next = await pull(); next !== null; next = await pull()) {
    given.push(...namesOf(next))
    await deliverBut(next)
  }
  expect(given).toEqual(['a:1', 'a:2', 'b:2', 'c:1'])
})

test('a part that is to be shared is shared all the same', async () => {
  const batch = await pullSome()
  const join = {
    publisher: NAME, owner: 'y', leaseMs: LEASE_MS, follow: (await progress.look(NAME))?.follow ?? '', start: undefined,
  }
  await progress.take(join)
  // Time to renew: the process sees that there is another, and that it has more than its share.
  clock += LEASE_MS / 3 + 1
  await source.extend(batch)
  await deliverBut(batch, 'a:1', 'a:2')
  await pull()
  const { parts } = await progress.take(join)
  expect(parts.filter(({ owner }) => owner === 'y')).toHaveLength(1)
})
