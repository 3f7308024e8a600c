// What is made of repeated measurements.

/** Of an even count, the mean of the two in the middle. */
export function median(numbers) {
  if (numbers.length === 0) throw new Error('there is no median of nothing')
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

export function percentile(numbers, share) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/**
 * How often one goes into the other: the median over repetitions of the ratio within each, so that a machine that
 * is slower for a while slows both sides of a ratio.
 */
export function pairedRatio(over, under) {
  if (over.length !== under.length) throw new Error(`${over.length} repetitions cannot be paired with ${under.length}`)
  return median(over.map((value, round) => value / under[round]))
}
