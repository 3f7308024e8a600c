// A bar is a figure that a run has to reach.

const COMPARISONS = {
  '>=': (value, limit) => value >= limit,
  '<=': (value, limit) => value <= limit,
}

/** `comparison` is `>=` or `<=`. A figure that is no number misses. */
export function bar(name, value, comparison, limit) {
  const holds = COMPARISONS[comparison]
  if (holds === undefined) throw new Error(`${comparison} compares nothing`)
  return { name, value: Number(value.toFixed(3)), need: `${comparison} ${limit}`, ok: holds(value, limit) }
}

/** No bars are no success. */
export function verdict(bars) {
  return { ok: bars.length > 0 && bars.every(({ ok }) => ok), bars }
}
