/** A process whose two parts become one goes on under the term that the store gave the joined part. */
import { expect, test } from 'vitest'
import { createWaybill } from '../../src/index.js'
import type { ProgressStore } from '../../src/journal/progress.js'
import { memory } from '../../src/memory.js'

const NAME = 'mails'
const LOWER_HALF = (1n << 32n) - 1n
const LEASE_MS = 60_000

test('after a join saves are written, and nothing is published again', async () => {
  const store = memory()
  const progress = store.progress as ProgressStore
  const take = { publisher: NAME, owner: 'x', leaseMs: LEASE_MS, follow: 'all', start: undefined }
  const { parts: [whole] } = await progress.take(take)
  await progress.give({ publisher: NAME, part: whole?.part ?? 0, term: whole?.term ?? 0n, slots: LOWER_HALF })
  const { parts } = await progress.take(take)
  expect(parts).toHaveLength(2)

  const answers: boolean[] = []
  const recording = new Proxy(progress, {
    get: (target, name) => {
      if (name !== 'save') return Reflect.get(target, name, target)?.bind?.(target)
      return async (request: Parameters<ProgressStore['save']>[0]) => {
        const answer = await target.save(request)
        answers.push(...answer)
        return answer
      }
    },
  })
  const published: string[] = []
  const waybill = createWaybill({ store: { ...store, progress: recording } })
  const publisher = waybill.publisher({
    name: NAME, consumer: 'x', leaseMs: LEASE_MS, publish: ({ stream }) => void published.push(stream),
  })
  const streams = Array.from({ length: 20 }, (_, n) => `s${n}`)
  const append = async (): Promise<void> => {
    for (const stream of streams) await waybill.journal.appendAlone([{ stream, type: 'thing.happened', payload: {} }])
  }
  await append()
  await publisher.drain()
  await publisher.drain()
  expect((await progress.look(NAME))?.parts).toHaveLength(1)
  await append()
  await publisher.drain()
  await publisher.stop()
  expect(answers).not.toContain(false)
  expect(published.toSorted()).toEqual([...streams, ...streams].toSorted())
  await waybill.close()
})
