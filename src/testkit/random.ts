/** Repeatable randomness for property cases: a failure prints its seed, and the seed repeats it. */

import { describeError } from '../core/errors.js'

export interface SeededRandom {
  /** In [0, 1). */
  next(): number
  /** From `min` to `max`, both included. */
  integer(min: number, max: number): number
  pick<T>(items: readonly T[]): T
  shuffle<T>(items: readonly T[]): T[]
}

/** The mulberry32 generator. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    integer,
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new RangeError('nothing to pick from')
      return items[integer(0, items.length - 1)] as T
    },
    shuffle: (items) => items
      .map((item) => ({ item, rank: next() })).sort((a, b) => a.rank - b.rank).map(({ item }) => item),
  }
}

/** Runs `check` for each seed; a failure names its seed, as the error's cause does the reason. */
export async function forEachSeed(
  seeds: Iterable<number>, check: (random: SeededRandom, seed: number) => Promise<void>,
): Promise<void> {
  for (const seed of seeds) {
    try {
      await check(seededRandom(seed), seed)
    } catch (cause) {
      throw new Error(`seed ${seed}: ${describeError(cause)}`, { cause })
    }
  }
}
