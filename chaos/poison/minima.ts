/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { KILL_POINTS } from './plan.js'
import { EXPIRED, QUARANTINED } from './summary.js'

const MINIMA = { messages: 450_000, deadLetters: 1_998, kills: 18 } as const
const AT_EACH_POINT = 3
const OWN = { [QUARANTINED]: 1_200, [EXPIRED]: 2 } as const

/** What was too little. */
export function shortOf(total: Total): string[] {
  const counts = (Object.keys(MINIMA) as (keyof typeof MINIMA)[])
    .map((name) => ({ name: String(name), least: Number(MINIMA[name]), count: total[name] }))
  const points = KILL_POINTS.map((point) => ({
    name: `kills ${point}`, least: AT_EACH_POINT, count: total.killsByPoint[point] ?? 0,
  }))
  const own = Object.entries(OWN).map(([name, least]) => ({ name, least, count: total.own?.[name] ?? 0 }))
  return [...counts, ...points, ...own].filter(({ count, least }) => count < least)
    .map(({ name, least, count }) => `${name}: ${count}, at least ${least} are wanted`)
}
