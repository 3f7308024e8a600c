/** What every run goes by: leases, retries, how receivers behave, and names that tell what is to become of it. */

/** Short, so that a paused process outlives it soon and a delivery of ordinary length needs renewals. */
export const LEASE_MS = 1_500
export const DELIVERY_TIMEOUT_MS = 2_000
export const RETRY = { baseMs: 50, maxMs: 1_000 } as const
/** After so many what fails for ever is given up. */
export const POISON_ATTEMPTS = 4

/** Beyond the lease: a look at the queue, a new process, a busy machine. */
const MARGIN_MS = 800
/** How long after the death or the silence of a process what it did may come again. */
export const AFTERMATH_MS = LEASE_MS + MARGIN_MS

/** A process or a call that is silent for longer than this has stalled. */
export const STALL = { afterMs: LEASE_MS / 3, aftermathMs: AFTERMATH_MS } as const

/** How long a first delivery may take from its commit, or from the end of the last fault. */
export const RECOVERY_MS = 5_000

/** Shares of the requests, decided by name and attempt alone. */
export const RECEIVER = { fails: 0.02, slow: 0.005, slowMs: 600, slowSpreadMs: 300 } as const

/** Carries the producer's own name of what is delivered. */
export const NAME_HEADER = 'chaos-name'

/** Refused for good, at once. */
const POISON = '!'
/** Fails at every attempt. */
const HOPELESS = '?'

export function nameIn(tx: string, number: number, poison: 'none' | 'refused' | 'hopeless'): string {
  return `${tx}.${number}${poison === 'none' ? '' : poison === 'refused' ? POISON : HOPELESS}`
}

export const isRefused = (name: string): boolean => name.endsWith(POISON)
export const isHopeless = (name: string): boolean => name.endsWith(HOPELESS)
export const isPoison = (name: string): boolean => isRefused(name) || isHopeless(name)

/** FNV-1a as a share in [0, 1): luck that depends on the text alone. */
export function luckOf(text: string): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index += 1) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b)
  return ((hash ^ (hash >>> 15)) >>> 0) / 2 ** 32
}
