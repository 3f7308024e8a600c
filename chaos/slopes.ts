/** How what a process holds grows: a straight line through its samples. */
export interface Slope {
  readonly process: string
  readonly what: string
  readonly samples: number
  readonly first: number
  readonly last: number
  readonly perMinute: number
}

interface Series {
  readonly process: string
  readonly what: string
  readonly points: { readonly at: number; readonly value: number }[]
}

/** The share of the time in which a process is still filling its pools and caches. */
const WARM_UP = 0.2
const FEWEST_SAMPLES = 10

export class Slopes {
  readonly #series = new Map<string, Series>()

  /** `at` in ms. */
  add(process: string, what: string, at: number, value: number): void {
    const name = `${process} ${what}`
    const series = this.#series.get(name) ?? { process, what, points: [] }
    series.points.push({ at, value })
    this.#series.set(name, series)
  }

  /** Of those that were seen for most of the time: of the others too little is known. */
  result(): Slope[] {
    const all = [...this.#series.values()]
    const most = Math.max(0, ...all.map(({ points }) => points.length))
    return all.filter(({ points }) => points.length >= Math.max(FEWEST_SAMPLES, most / 2)).map(slopeOf)
  }
}

function slopeOf({ process, what, points }: Series): Slope {
  const steady = points.slice(Math.floor(points.length * WARM_UP))
  const mean = (value: (point: Series['points'][number]) => number): number =>
    steady.reduce((sum, point) => sum + value(point), 0) / steady.length
  const [meanAt, meanValue] = [mean(({ at }) => at), mean(({ value }) => value)]
  const covariance = mean(({ at, value }) => (at - meanAt) * (value - meanValue))
  const variance = mean(({ at }) => (at - meanAt) ** 2)
  return {
    process, what, samples: steady.length, first: steady[0]?.value ?? 0, last: steady.at(-1)?.value ?? 0,
    perMinute: variance === 0 ? 0 : (covariance / variance) * 60_000,
  }
}
