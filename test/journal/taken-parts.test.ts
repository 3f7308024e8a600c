/** A part that was taken while its held streams could not be read is worked on as soon as they can be. */
import { expect, test } from 'vitest'
import { createWaybill } from '../../src/index.js'
import type { ProgressStore } from '../../src/journal/progress.js'
import { memory } from '../../src/memory.js'

test('a failed reading of held streams does not idle the part for a third of its lease', async () => {
  const store = memory()
  const progress = store.progress as ProgressStore
  let failures = 0
  const failing = new Proxy(progress, {
    get: (target, name) => {
      if (name !== 'holds') return Reflect.get(target, name, target)?.bind?.(target)
      return (request: Parameters<ProgressStore['holds']>[0]) => {
        failures += 1
        return failures === 1 ? Promise.reject(new Error('out of reach')) : target.holds(request)
      }
    },
  })
  const published: string[] = []
  const waybill = createWaybill({ store: { ...store, progress: failing } })
  const publisher = waybill.publisher({
    name: 'mails', leaseMs: 60_000, publish: ({ stream }) => void published.push(stream),
  })
  await waybill.journal.appendAlone([{ stream: 'orders', type: 'order.placed', payload: {} }])
  await publisher.drain().catch(() => undefined)
  await publisher.drain()
  await publisher.stop()
  expect(failures).toBeGreaterThan(1)
  expect(published).toEqual(['orders'])
  await waybill.close()
})
