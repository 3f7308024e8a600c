/**
 * What a runner does, as metrics: a counter of tries and a histogram of how long they took. A meter that throws changes
 * nothing, here as with every listener.
 */
import { validationError } from '../core/errors.js'
import type { ListenToRunner } from './log.js'
import { quietly } from './quietly.js'
import type { TryEvent } from './report.js'

export type MetricAttributes = Readonly<Record<string, string>>

interface InstrumentOptions {
  readonly description: string
  readonly unit: string
}

/** By its shape the `Meter` of `@opentelemetry/api`. */
export interface Meter {
  createCounter(
    name: string, options: InstrumentOptions,
  ): { add(value: number, attributes: MetricAttributes): void }
  createHistogram(
    name: string, options: InstrumentOptions,
  ): { record(value: number, attributes: MetricAttributes): void }
}

/** Types beyond so many are counted as `other`: each value of an attribute is a series of its own. */
export const MAX_METERED_TYPES = 100

/** @param labels of every metric. @throws VALIDATION when it is no meter. */
export function meterRunner(on: ListenToRunner, labels: MetricAttributes, meter: Meter): void {
  for (const method of ['createCounter', 'createHistogram'] as const) {
    if (typeof meter?.[method] !== 'function') throw validationError('meter', `has no ${method} function`)
  }
  quietly(() => listen(on, labels, meter))
}

function listen(on: ListenToRunner, labels: MetricAttributes, meter: Meter): void {
  const tries = meter.createCounter('waybill.deliveries', {
    description: 'Tries of a delivery that have ended, and what was given back', unit: '{try}',
  })
  const durations = meter.createHistogram('waybill.delivery.duration', {
    description: 'How long a try of a delivery took', unit: 's',
  })
  const typeOf = boundedTypes()
  const count = (outcome: string) => (event: TryEvent & { readonly target?: string }): void => {
    const attributes = {
      ...labels, outcome, ...(event.target !== undefined && { target: event.target }),
      ...(event.type !== undefined && { type: typeOf(event.type) }),
    }
    tries.add(1, attributes)
    if (event.ms > 0) durations.record(event.ms / 1_000, attributes)
  }
  on('delivered', count('delivered'))
  on('requeued', count('requeued'))
  on('deadLettered', count('dead_lettered'))
  on('released', count('released'))
}

function boundedTypes(): (type: string) => string {
  const known = new Set<string>()
  return (type) => {
    if (known.size < MAX_METERED_TYPES) known.add(type)
    return known.has(type) ? type : 'other'
  }
}
