// The columns that all figures of so many per second share.
import { short } from './table.mjs'

/** `unit` is what is counted: messages, events. */
export function throughputColumns(unit) {
  return ['', `${unit}/s`, 'to by hand', 'WAL bytes', 'server µs', 'client µs']
}

/** `labels` from variants to what a reader sees; `base` is what the ratios are to. */
export function throughputRows(measurements, labels, base) {
  return measurements.names.map((name) => [
    labels[name], short(measurements.median(name, 'rate')), measurements.ratio(name, base, 'rate').toFixed(2),
    short(measurements.median(name, 'walBytes')), short(measurements.median(name, 'serverMicros')),
    short(measurements.median(name, 'nodeMicros')),
  ])
}
