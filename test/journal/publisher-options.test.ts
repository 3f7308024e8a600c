import { describe, expect, test } from 'vitest'
import { createWaybill } from '../../src/index.js'
import { memory } from '../../src/memory.js'
import type { PublisherOptions } from '../../src/index.js'

describe('a publisher', () => {
  const good: PublisherOptions = { name: 'p', publish: () => undefined }

  test.each([
    ['name', { name: '' }], ['name', { name: 'x'.repeat(256) }],
    ['follow', { follow: { tags: ['a'], streams: ['b'] } }], ['follow.tags', { follow: { tags: [] } }],
    ['follow.streams', { follow: { streams: Array.from({ length: 1_001 }, (_, n) => `s${n}`) } }],
    ['follow', { follow: {} }], ['start', { start: 'middle' }], ['onFailure', { onFailure: 'ignore' }],
    ['maxAttempts', { maxAttempts: 0 }], ['maxHeldStreams', { maxHeldStreams: 10_001 }], ['leaseMs', { leaseMs: 0 }],
    ['saveEvery', { saveEvery: 0 }], ['saveEveryMs', { saveEveryMs: -1 }], ['upcast[\'a\']', { upcast: { a: 'b' } }],
    ['publish', { publish: undefined }], ['publish', { transport: { name: 't', deliver: async () => undefined } }],
    ['batch', { batch: 0 }],
    ['progress', { progress: { load: async () => new Map(), save: async () => undefined }, onFailure: 'dead_letter' }],
  ])('refuses %s %#', (field, part) => {
    const waybill = createWaybill({ store: memory() })
    expect(() => waybill.publisher({ ...good, ...part } as PublisherOptions))
      .toThrow(expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field }) as unknown }))
  })

  test('tells a logger what went wrong, without secrets, and outlives one that fails', async () => {
    const waybill = createWaybill({ store: memory() })
    const lines: string[] = []
    const note = (level: string) => (message: string, details: object): void => {
      lines.push(`${level} ${message} ${JSON.stringify(details)}`)
      throw new Error('the disk is full')
    }
    await waybill.journal.appendAlone([{ stream: 's', type: 't', payload: 1 }])
    const publisher = waybill.publisher({
      name: 'p', onFailure: 'stop', maxAttempts: 1,
      publish: () => {
        throw new Error('GET https://user:hunter2@example.com failed')
      },
      logger: { debug: note('debug'), info: note('info'), warn: note('warn'), error: note('error') },
    })
    await expect(publisher.drain()).rejects.toMatchObject({ code: 'DELIVERY_FAILED' })
    await publisher.stop()
    expect(lines.map((line) => line.split(' {')[0])).toEqual([
      'debug claimed events', 'error the publisher stopped', 'debug delivery failed, trying again',
    ])
    expect(lines.join('\n')).not.toContain('hunter2')
    expect(lines[0]).toContain('"publisher":"p"')
  })

  test('publishers of two scopes with one name have nothing to do with each other', async () => {
    const waybill = createWaybill({ store: memory() })
    const [a, b] = [waybill.scoped('a'), waybill.scoped('b')]
    await a.journal.appendAlone([{ stream: 's', type: 't', payload: 'of a' }])
    await b.journal.appendAlone([{ stream: 's', type: 't', payload: 'of b' }])
    const got: unknown[] = []
    for (const each of [a, b, waybill]) {
      await each.publisher({ name: 'p', publish: ({ payload }) => void got.push(payload) }).drain()
    }
    expect(got).toEqual(['of a', 'of b', 'of a', 'of b'])
  })
})
