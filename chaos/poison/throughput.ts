/**
 * How many healthy messages a fleet delivers in a second while there is work for all of it: from its beginning until
 * 95 % of them were delivered. What is left then is behind what hangs, or waits for the lease of whoever was killed:
 * that is a matter of how long a message takes, and not of how many there are.
 */
export const SHARE = 0.95

export interface Stretch {
  readonly messages: number
  readonly ms: number
}

/** `begunAt` and the times of first deliveries, by one clock. */
export function stretchOf(begunAt: number, deliveredAt: readonly number[], share = SHARE): Stretch {
  const messages = Math.floor(deliveredAt.length * share)
  const last = deliveredAt.toSorted((a, b) => a - b)[messages - 1]
  return { messages, ms: last === undefined ? 0 : last - begunAt }
}

/** Of stretches one after the other. */
export function perSecond(stretches: readonly Stretch[]): number {
  const sum = (count: (stretch: Stretch) => number): number => (
    stretches.reduce((all, stretch) => all + count(stretch), 0))
  const ms = sum((stretch) => stretch.ms)
  return ms === 0 ? 0 : (sum(({ messages }) => messages) * 1_000) / ms
}
