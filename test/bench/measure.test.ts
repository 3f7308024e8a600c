/** What benchmarks make of their measurements. The programs are plain JavaScript, so their types are said here. */
import { describe, expect, test } from 'vitest'

type Variant = () => Promise<Readonly<Record<string, number>>>

interface Measurements {
  all(name: string, field: string): readonly number[]
  median(name: string, field: string): number | undefined
  ratio(name: string, to: string, field: string): number
  best(names: readonly string[], field: string): string
}

interface Bar {
  readonly name: string
  readonly value: number
  readonly need: string
  readonly ok: boolean
}

const load = async (file: string): Promise<unknown> =>
  import(new URL(`../../bench/measure/${file}.mjs`, import.meta.url).href)

const { median, percentile, pairedRatio } = await load('statistics') as {
  median(numbers: readonly number[]): number
  percentile(numbers: readonly number[], share: number): number
  pairedRatio(over: readonly number[], under: readonly number[]): number
}
const { rotated, interleave } = await load('rounds') as {
  rotated(names: readonly string[], round: number): readonly string[]
  interleave(variants: Readonly<Record<string, Variant>>, rounds: number): Promise<Measurements>
}
const { bar, verdict } = await load('bars') as {
  bar(name: string, value: number, comparison: string, limit: number): Bar
  verdict(bars: readonly Bar[]): { ok: boolean; bars: readonly Bar[] }
}
const { markdownTable, short } = await load('table') as {
  markdownTable(titles: readonly string[], rows: readonly (readonly unknown[])[]): string
  short(number: number | undefined): string | undefined
}

describe('statistics', () => {
  test('a median is the middle, of an even count the mean of the two in it, and is by value', () => {
    expect(median([10, 9, 100])).toBe(10)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(() => median([])).toThrow('nothing')
  })

  test('a percentile is one of the numbers', () => {
    expect(percentile([5, 1, 4, 2, 3], 0.5)).toBe(3)
    expect(percentile([1, 2, 3], 1)).toBe(3)
  })

  test('a machine that slows down between repetitions does not change a ratio', () => {
    expect(pairedRatio([100, 50, 10], [200, 100, 20])).toBe(0.5)
    expect(() => pairedRatio([1, 2], [1])).toThrow('paired')
  })
})

describe('rounds', () => {
  test('every repetition begins with another variant', () => {
    expect([-1, 0, 1, 2, 3].map((round) => rotated(['a', 'b', 'c'], round).join(''))).toEqual(
      ['cab', 'abc', 'bca', 'cab', 'abc'])
  })

  test('each variant runs once per repetition, and the first one does not count', async () => {
    const ran: string[] = []
    const variant = (name: string) => async () => ({ rate: ran.push(name) })
    const measurements = await interleave({ a: variant('a'), b: variant('b') }, 2)
    expect(ran.join('')).toBe('baabba')
    expect(measurements.all('a', 'rate')).toEqual([3, 6])
    expect(measurements.ratio('b', 'a', 'rate')).toBe((4 / 3 + 5 / 6) / 2)
    expect(measurements.best(['a', 'b'], 'rate')).toBe('a')
  })

  test('what could not be measured has no median', async () => {
    const measurements = await interleave({ a: async () => ({ rate: 1 }) }, 1)
    expect(measurements.median('a', 'serverMicros')).toBeUndefined()
  })
})

describe('bars', () => {
  test('a bar is reached on its own side of the limit, and at it', () => {
    expect(bar('a', 0.95, '>=', 0.95)).toEqual({ name: 'a', value: 0.95, need: '>= 0.95', ok: true })
    expect(bar('a', 0.9496, '>=', 0.95).ok).toBe(false)
    expect(bar('a', 1.15, '<=', 1.15).ok).toBe(true)
    expect(bar('a', 1.2, '<=', 1.15).ok).toBe(false)
    expect(() => bar('a', 1, '=', 1)).toThrow('compares nothing')
  })

  test('no number reaches no bar', () => {
    expect(bar('a', NaN, '>=', 0).ok).toBe(false)
    expect(bar('a', NaN, '<=', 1).ok).toBe(false)
  })

  test('one bar that is missed, or none at all, is no success', () => {
    const [reached, missed] = [bar('a', 1, '>=', 1), bar('b', 0, '>=', 1)]
    expect([verdict([reached]).ok, verdict([reached, missed]).ok, verdict([]).ok]).toEqual([true, false, false])
  })
})

describe('tables', () => {
  test('a table in Markdown keeps its columns whatever a cell holds', () => {
    expect(markdownTable(['a|b', 'n'], [['x', undefined], ['y', 0]]).split('\n')).toEqual(
      ['| a\\|b | n |', '| --- | ---: |', '| x | – |', '| y | 0 |'])
  })

  test('numbers have three digits that count', () => {
    expect([0.123, 9.876, 98.76, 987.6, 9876.5, undefined].map(short)).toEqual(
      ['0.12', '9.88', '98.8', '988', '9,877', undefined])
  })
})
