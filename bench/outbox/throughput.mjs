// The columns that all figures of messages per second share.
import { short } from '../measure/table.mjs'

export const COLUMNS = ['', 'messages/s', 'to by hand', 'WAL bytes', 'server µs', 'client µs']

/** `labels` from variants to what a reader sees; `base` is what the ratios are to. */
export function throughputRows(measurements, labels, base) {
  return measurements.names.map((name) => [
    labels[name], short(measurements.median(name, 'rate')), measurements.ratio(name, base, 'rate').toFixed(2),
    short(measurements.median(name, 'walBytes')), short(measurements.median(name, 'serverMicros')),
    short(measurements.median(name, 'nodeMicros')),
  ])
}
