/** Many rows in few statements: full batches of eight, and the rest one by one, so that two texts are prepared. */

const ROW_BATCHES = [8, 1] as const

export function* inBatches<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let from = 0; from < items.length;) {
    const size = ROW_BATCHES.find((rows) => rows <= items.length - from) ?? 1
    yield items.slice(from, from + size)
    from += size
  }
}

/** A statement for each size of a batch. */
export function batchTexts(text: (rows: number) => string): ReadonlyMap<number, string> {
  return new Map(ROW_BATCHES.map((rows) => [rows, text(rows)]))
}
