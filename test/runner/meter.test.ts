/** Metrics by OpenTelemetry's own SDK, and meters that fail. */
import {
  AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader, type DataPoint, type Histogram,
} from '@opentelemetry/sdk-metrics'
import { expect, onTestFinished, test } from 'vitest'
import { permanentError, throttledError } from '../../src/core/transport.js'
import { memory } from '../../src/memory.js'
import { MAX_METERED_TYPES, type Meter } from '../../src/runner/meter.js'
import { createWaybill } from '../../src/waybill.js'
import { RelayFixture } from './relay-fixture.js'

function openMeter() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const provider = new MeterProvider({
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  })
  onTestFinished(() => provider.shutdown())
  const points = async (name: string): Promise<readonly DataPoint<unknown>[]> => {
    exporter.reset()
    await provider.forceFlush()
    const metrics = exporter.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics).flatMap((scope) => scope.metrics)
    return metrics.find(({ descriptor }) => descriptor.name === name)?.dataPoints ?? []
  }
  return { meter: provider.getMeter('test'), points }
}

function judge({ type }: { readonly type: string }): void {
  if (type === 'fails') throw new Error('no')
  if (type === 'never') throw permanentError('never')
  if (type === 'later') throw throttledError('later', 1_000)
}

test('a relay: tries and their times, by outcome, type, lane and target', async () => {
  const fixture = new RelayFixture()
  for (const type of ['goes', 'goes', 'fails', 'never', 'later']) await fixture.enqueue({ type })
  const { meter, points } = openMeter()
  await using relay = fixture.relay({ handlers: { t: judge }, meter })
  await relay.runOnce()
  const common = { lane: 'default', target: 't' }
  const counts = (await points('waybill.deliveries')).map(({ attributes, value }) => [attributes, value])
  expect(counts.toSorted((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))).toEqual([
    [{ ...common, outcome: 'dead_lettered', type: 'never' }, 1],
    [{ ...common, outcome: 'delivered', type: 'goes' }, 2],
    [{ ...common, outcome: 'released', type: 'later' }, 1],
    [{ ...common, outcome: 'requeued', type: 'fails' }, 1],
  ])
  const durations = await points('waybill.delivery.duration') as readonly DataPoint<Histogram>[]
  expect(durations.reduce((sum, { value }) => sum + value.count, 0)).toBe(5)
  expect(durations.every(({ value }) => value.sum !== undefined && value.sum > 0 && value.sum < 10)).toBe(true)
})

test('a publisher and a subscriber: under their names', async () => {
  const waybill = createWaybill({ store: memory() })
  const { meter, points } = openMeter()
  await waybill.journal.appendAlone([{ stream: 's', type: 'placed', payload: 1 }])
  await using publisher = waybill.publisher({ name: 'p', publish: () => undefined, meter })
  await publisher.drain()
  const feed = waybill.feed('orders', { key: String })
  await feed.commitAlone([{ op: 'add', after: 'a' }])
  await using subscriber = waybill.subscriber({ id: 'sub', feeds: [feed], start: 'earliest', onResult: () => undefined, meter })
  await subscriber.drain()
  expect((await points('waybill.deliveries')).map(({ attributes, value }) => [attributes, value])).toEqual([
    [{ publisher: 'p', outcome: 'delivered', type: 'placed' }, 1], [{ subscriber: 'sub', outcome: 'delivered' }, 1],
  ])
})

test('types beyond the bound are one', async () => {
  const fixture = new RelayFixture()
  for (let n = 0; n < MAX_METERED_TYPES + 5; n += 1) await fixture.enqueue({ type: `type-${n}` })
  const { meter, points } = openMeter()
  await using relay = fixture.relay({ handlers: { t: judge }, meter })
  await relay.drain()
  const counted = await points('waybill.deliveries')
  expect(counted).toHaveLength(MAX_METERED_TYPES + 1)
  expect(counted.find(({ attributes }) => attributes['type'] === 'other')?.value).toBe(5)
})

const fail = (): never => { throw new Error('the metrics are down') }

test.each([
  ['cannot make its instruments', { createCounter: fail, createHistogram: fail }],
  ['throws at each value', { createCounter: () => ({ add: fail }), createHistogram: () => ({ record: fail }) }],
] satisfies readonly (readonly [string, Meter])[])('a meter that %s changes no outcome', async (_, meter) => {
  const fixture = new RelayFixture()
  for (const type of ['goes', 'fails', 'never', 'later']) await fixture.enqueue({ type })
  await using relay = fixture.relay({ handlers: { t: judge }, meter })
  expect(await relay.runOnce()).toMatchObject({ delivered: 1, requeued: 1, deadLettered: 1, released: 1 })
  expect(relay.counters()).toMatchObject({ storeErrors: 0, lostClaims: 0 })
})

test('what is no meter is refused by name', () => {
  expect(() => new RelayFixture().relay({ handlers: { t: judge }, meter: {} as Meter })).toThrow(
    expect.objectContaining({ code: 'VALIDATION', details: expect.objectContaining({ field: 'meter' }) }))
})
