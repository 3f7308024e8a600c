/** What a full run must have done, or it proves less than it says. */
import type { Total } from '../summary.js'
import { PRODUCER_POINTS, SUBSCRIBER_POINTS } from './plan.js'
import { GAPS_TOLD, INCARNATIONS, SNAPSHOTS, SUBSCRIBER_RESTARTS } from './summary.js'

/** Of three stores together, two of them servers. */
const MINIMA = { messages: 15_000, kills: 200, restarts: 12, pauses: 90, lostReplies: 120 } as const
const OWN_MINIMA = { [SUBSCRIBER_RESTARTS]: 15, [INCARNATIONS]: 100, [GAPS_TOLD]: 300, [SNAPSHOTS]: 150 }
const AT_EACH_POINT = 10

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
