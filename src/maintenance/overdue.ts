/** How much older than its age the oldest is that was left: asked for by counting to one, so every store can tell. */

/** A hundred years. */
const MAX_MS = 3_155_760_000_000
const STEP_MS = 1_000

/**
 * `isLeft` says whether there is anything that is older than its age by so much. What became old enough within the
 * last `sinceMs` does not count. Answers 0 when nothing is left; else at most what it is, to a second or a 32nd.
 */
export async function overdueMs(isLeft: (extraMs: number) => Promise<boolean>, sinceMs: number): Promise<number> {
  let low = Math.max(1, Math.ceil(sinceMs))
  if (!await isLeft(low)) return 0
  let high = low + STEP_MS
  while (high < MAX_MS && await isLeft(high)) {
    low = high
    high *= 2
  }
  while (high - low > Math.max(STEP_MS, low / 32)) {
    const middle = Math.floor((low + high) / 2)
    if (await isLeft(middle)) low = middle
    else high = middle
  }
  return low
}
