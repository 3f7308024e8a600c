/** What a look at a system found: one sentence about one thing, and what to do about it. */

/**
 * - `ok`: as it should be.
 * - `warning`: works, but slower, or something waits for a person.
 * - `problem`: a promise of Waybill does not hold, or messages do not flow.
 * - `skipped`: could not be found out; `found` says why.
 */
export type FindingState = 'ok' | 'warning' | 'problem' | 'skipped'

export interface Finding {
  /** Of the check, stable, for programs. */
  readonly name: string
  readonly state: FindingState
  /** Names, ids and numbers; never query texts, payloads or secrets. */
  readonly found: string
  /** What to do; of warnings and problems. */
  readonly advice?: string
}

export function ok(name: string, found: string): Finding {
  return { name, state: 'ok', found }
}

export function skipped(name: string, found: string): Finding {
  return { name, state: 'skipped', found }
}

export function warning(name: string, found: string, advice: string): Finding {
  return { name, state: 'warning', found, advice }
}

export function problem(name: string, found: string, advice: string): Finding {
  return { name, state: 'problem', found, advice }
}

/** Of a list, so many as a reader can take in. */
export function someOf(items: readonly string[], limit = 5): string {
  const rest = items.length - limit
  return rest > 0 ? `${items.slice(0, limit).join(', ')} and ${rest} more` : items.join(', ')
}

/** `45 s`, `12 min`, `3 h`, `2 d`. */
export function spanText(ms: number): string {
  const units = [['d', 86_400_000], ['h', 3_600_000], ['min', 60_000]] as const
  for (const [unit, size] of units) if (ms >= size) return `${Math.floor(ms / size)} ${unit}`
  return `${Math.max(0, Math.round(ms / 1_000))} s`
}
