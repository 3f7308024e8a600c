// Interleaving. Every repetition runs every variant once, and each repetition begins with another one, so that
// neither a drift of the machine nor the place behind a certain neighbour favours anybody.
import { median, pairedRatio } from './statistics.mjs'

/** The names in the order of the repetition. @public for its test */
export function rotated(names, round) {
  const first = ((round % names.length) + names.length) % names.length
  return [...names.slice(first), ...names.slice(0, first)]
}

/**
 * Runs each variant `rounds` times after one run that does not count, and answers their measurements.
 * A variant is a function that answers an object of numbers.
 */
export async function interleave(variants, rounds) {
  const names = Object.keys(variants)
  const measured = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = -1; round < rounds; round += 1) {
    for (const name of rotated(names, round)) {
      const measurement = await variants[name]()
      if (round >= 0) measured[name].push(measurement)
    }
  }
  return new Measurements(measured)
}

class Measurements {
  #measured

  /** An array of measurements for each variant, one per repetition. */
  constructor(measured) {
    this.#measured = measured
  }

  get names() {
    return Object.keys(this.#measured)
  }

  all(name, field) {
    return this.#measured[name].map((measurement) => measurement[field])
  }

  /** Undefined where it could not be measured. */
  median(name, field) {
    const values = this.all(name, field)
    return values.includes(undefined) ? undefined : median(values)
  }

  /** Of one variant to another, within each repetition; the median of those. */
  ratio(name, to, field) {
    return pairedRatio(this.all(name, field), this.all(to, field))
  }

  /** The variant of these whose median is the highest. */
  best(names, field) {
    return names.reduce((best, name) => (this.median(name, field) > this.median(best, field) ? name : best))
  }
}
