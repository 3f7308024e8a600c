/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { KILL_POINTS } from './plan.js'
import { PUBLISHER_RESTARTS } from './summary.js'

const MINIMA = { messages: 30_000, kills: 100, restarts: 6, pauses: 50, lostReplies: 80 } as const
const LEAST_PUBLISHER_RESTARTS = 10
const AT_EACH_POINT = 5

/** What was too little. */
export function shortOf(total: Total): string[] {
  const counts = (Object.keys(MINIMA) as (keyof typeof MINIMA)[])
    .map((name) => ({ name: String(name), least: Number(MINIMA[name]), count: total[name] }))
  const points = KILL_POINTS.map((point) => ({
    name: `kills ${point}`, least: AT_EACH_POINT, count: total.killsByPoint[point] ?? 0,
  }))
  const restarts = {
    name: PUBLISHER_RESTARTS, least: LEAST_PUBLISHER_RESTARTS, count: total.own?.[PUBLISHER_RESTARTS] ?? 0,
  }
  return [...counts, restarts, ...points].filter(({ count, least }) => count < least)
    .map(({ name, least, count }) => `${name}: ${count}, at least ${least} are wanted`)
}
