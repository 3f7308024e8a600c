/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { PRODUCER_POINTS, SUBSCRIBER_POINTS } from './plan.js'
import { GAPS_TOLD, INCARNATIONS, SNAPSHOTS, SUBSCRIBER_RESTARTS } from './summary.js'

const MINIMA = { messages: 10_000, kills: 100, restarts: 6, pauses: 50, lostReplies: 60 } as const
const OWN_MINIMA = { [SUBSCRIBER_RESTARTS]: 10, [INCARNATIONS]: 50, [GAPS_TOLD]: 100, [SNAPSHOTS]: 100 }
const AT_EACH_POINT = 5

/** What was too little. */
export function shortOf(total: Total): string[] {
  const counts = (Object.keys(MINIMA) as (keyof typeof MINIMA)[])
    .map((name) => ({ name: String(name), least: Number(MINIMA[name]), count: total[name] }))
  const own = Object.entries(OWN_MINIMA).map(([name, least]) => ({ name, least, count: total.own?.[name] ?? 0 }))
  const points = [...PRODUCER_POINTS, ...SUBSCRIBER_POINTS].map((point) => ({
    name: `kills ${point}`, least: AT_EACH_POINT, count: total.killsByPoint[point] ?? 0,
  }))
  return [...counts, ...own, ...points].filter(({ count, least }) => count < least)
    .map(({ name, least, count }) => `${name}: ${count}, at least ${least} are wanted`)
}
