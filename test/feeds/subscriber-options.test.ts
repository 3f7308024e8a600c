import { describe, expect, test } from 'vitest'
import { createWaybill, type SubscriberOptions } from '../../src/index.js'
import { memory } from '../../src/memory.js'

describe('a subscriber', () => {
  const waybill = createWaybill({ store: memory() })
  const feed = waybill.feed('orders')
  const good: SubscriberOptions = { id: 's', feeds: [feed], onResult: () => undefined }
  const onBatch = (): undefined => undefined

  test.each([
    ['id', { id: '' }], ['id', { id: 'x'.repeat(256) }], ['feeds', { feeds: 'orders' }],
    ['feeds.length', { feeds: [] }], ['feeds', { feeds: [undefined] }], ['feeds', { feeds: [feed, waybill.feed('orders')] }],
    ['start', { start: 'middle' }], ['recovery', { recovery: 'hope' }], ['onFailure', { onFailure: 'ignore' }],
    ['onResult', { onResult: undefined }], ['onResult', { onBatch }], ['onResult', { onResult: 'f' }],
    ['onGap', { onGap: 'f' }], ['onSnapshot', { onSnapshot: 'f' }], ['batching', { batching: {} }],
    ['maxAttempts', { maxAttempts: 0 }], ['leaseMs', { leaseMs: 0 }], ['saveEvery', { saveEvery: 0 }],
    ['saveEveryMs', { saveEveryMs: -1 }], ['batch', { batch: 0 }], ['pollMaxMs', { pollMaxMs: 0 }],
    ['batching.minSize', { onResult: undefined, onBatch, batching: { minSize: 0 } }],
    ['batching.maxSize', { onResult: undefined, onBatch, batching: { minSize: 5, maxSize: 4 } }],
    ['batching.maxWaitMs', { onResult: undefined, onBatch, batching: { maxWaitMs: 60_001 } }],
  ])('refuses %s %#', (field, part) => {
    expect(() => waybill.subscriber({ ...good, ...part } as SubscriberOptions))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) as unknown }))
  })

  test('needs checkpoints, of its store or another', () => {
    const { checkpoints, ...store } = memory()
    const without = createWaybill({ store })
    expect(() => without.subscriber(good)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(without.subscriber({ ...good, checkpoints }).id).toBe('s')
  })

  test('that is durable is refused on memory by rule', () => {
    expect(() => waybill.subscriber({ ...good, durable: true })).toThrow(expect.objectContaining({
      code: 'CONFIG_INVALID', details: { rule: 'durable_volatile_checkpoints' },
    }))
  })

  test('refuses an event that it does not have, and is told of a scope\'s own', async () => {
    const subscriber = waybill.subscriber(good)
    expect(() => subscriber.on('unknown' as 'idle', () => undefined)).toThrow(/event/)
    const tenant = waybill.scoped('tenant-7')
    await tenant.subscriber({ ...good, feeds: [tenant.feed('orders')] }).runOnce()
    await subscriber.runOnce()
    const store = memory()
    const scoped = createWaybill({ store }).scoped('t')
    await scoped.subscriber({ ...good, feeds: [scoped.feed('orders')] }).runOnce()
    const names = (await store.checkpoints?.list({ after: '', limit: 10 }))?.map((one) => one.subscriber)
    expect(names).toEqual(['scope:1:t:s'])
  })
})
