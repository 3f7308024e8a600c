import { expect, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { maintenanceSettings, type MaintenanceOptions } from '../../src/maintenance/maintenance-options.js'
import { createWaybill } from '../../src/waybill.js'

test.each<[string, object]>([
  ['intervalMs', { intervalMs: 0 }], ['intervalMs', { intervalMs: 2 ** 31 }], ['intervalMs', { intervalMs: '1h' }],
  ['batchMs', { batchMs: 0 }], ['batchMs', { batchMs: 60_001 }], ['pauseMs', { pauseMs: -1 }],
  ['share', { share: 0 }], ['share', { share: 1.1 }], ['share', { share: NaN }], ['share', { share: '10 %' }],
  ['maxBatch', { maxBatch: 0 }], ['maxBatch', { maxBatch: 100_001 }], ['minBatch', { minBatch: 11, maxBatch: 10 }],
  ['olderThanMs', { olderThanMs: 7 }], ['olderThanMs.inbox', { olderThanMs: { inbox: -1 } }],
  ['olderThanMs.inbox', { olderThanMs: { inbox: 'always' } }], ['olderThanMs.mails', { olderThanMs: { mails: 1 } }],
  ['consumersOlderThanMs', { consumersOlderThanMs: [] }],
  ['consumersOlderThanMs.billing', { consumersOlderThanMs: { billing: 0.5 } }],
  ['also', { also: {} }], ['also', { also: [{}] }], ['also', { also: [null] }],
  ['onReport', { onReport: 'log' }], ['onBatch', { onBatch: 1 }], ['onError', { onError: {} }],
])('what cannot be is refused when it is made, and named: %s of %j', (field, options) => {
  const waybill = createWaybill({ store: memory() })
  expect(() => waybill.maintenance(options as MaintenanceOptions)).toThrow(
    expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) as unknown }))
})

test('batches are short where a store has one writer at a time, and take a small share of the time where it has more', () => {
  const paceOf = (concurrentTransactions: boolean) => {
    const store = memory()
    const outbox = Object.assign(Object.create(store.outbox) as typeof store.outbox, {
      capabilities: { ...store.outbox.capabilities, concurrentTransactions },
    })
    const { batchMs, maxBatch, share } = maintenanceSettings({}, { ...store, outbox }).pace
    return { batchMs, maxBatch, share }
  }
  expect(paceOf(false)).toEqual({ batchMs: 1, maxBatch: 50, share: 1 / 40 })
  expect(paceOf(true)).toEqual({ batchMs: 10, maxBatch: 5_000, share: 1 / 200 })
})
