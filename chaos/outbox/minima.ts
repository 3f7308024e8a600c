/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { KILL_POINTS } from './plan.js'

const MINIMA = { messages: 200_000, kills: 100, restarts: 10, pauses: 50, lostReplies: 100 } as const
const AT_EACH_POINT = 5

/** What was too little. */
export function shortOf(total: Total): string[] {
  const counts = (Object.keys(MINIMA) as (keyof typeof MINIMA)[])
    .map((name) => ({ name, least: MINIMA[name], count: total[name] }))
  const points = KILL_POINTS.map((point) => ({
    name: `kills ${point}`, least: AT_EACH_POINT, count: total.killsByPoint[point] ?? 0,
  }))
  return [...counts, ...points].filter(({ count, least }) => count < least)
    .map(({ name, least, count }) => `${name}: ${count}, at least ${least} are wanted`)
}
