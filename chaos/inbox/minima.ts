/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { KILL_POINTS } from './plan.js'
import { SKIPPED } from './summary.js'

const MINIMA = { messages: 20_000, kills: 100, restarts: 5, pauses: 50, lostReplies: 40 } as const
const AT_EACH_POINT = 5
const LEAST_SKIPPED = 20_000

/** What was too little. */
export function shortOf(total: Total): string[] {
  const counts = (Object.keys(MINIMA) as (keyof typeof MINIMA)[])
    .map((name) => ({ name: String(name), least: Number(MINIMA[name]), count: total[name] }))
  const points = KILL_POINTS.map((point) => ({
    name: `kills ${point}`, least: AT_EACH_POINT, count: total.killsByPoint[point] ?? 0,
  }))
  const skipped = { name: SKIPPED, least: LEAST_SKIPPED, count: total.own?.[SKIPPED] ?? 0 }
  return [...counts, ...points, skipped].filter(({ count, least }) => count < least)
    .map(({ name, least, count }) => `${name}: ${count}, at least ${least} are wanted`)
}
