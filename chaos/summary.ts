/** What a run says of itself: counts, and the verdict on all of it. */
import type { RunCounts, StoreCounts } from './ledger/entry.js'

export interface StoreSummary extends StoreCounts {
  readonly aborted: number
  /** Transactions whose end nobody knew. */
  readonly decidedByTable: number
  /** Planned, but there was nobody to do it to, or the point was not reached. */
  readonly missed: number
  /** Of the history. */
  readonly events: number
  /** Violations with their examples, gaps and problems. */
  readonly found: readonly string[]
}

/** The last line of a run. */
export interface Total extends RunCounts {
  readonly seed: number
  readonly kills: number
  readonly killsByPoint: Readonly<Record<string, number>>
}

const MAX_FOUND = 10

export function totalOf(summaries: readonly StoreSummary[], seed: number): Total {
  const sum = (count: (summary: StoreSummary) => number): number =>
    summaries.reduce((all, summary) => all + count(summary), 0)
  const killsByPoint = sumsOf(summaries.map(({ kills }) => kills))
  const shares = summaries.flatMap(({ healthyThroughput: share }) => share ?? [])
  const own = sumsOf(summaries.map(({ own: counts = {} }) => counts))
  return {
    verdict: worst(summaries.map(({ verdict }) => verdict)), seed,
    messages: sum(({ messages }) => messages),
    kills: Object.values(killsByPoint).reduce((all, count) => all + count, 0), killsByPoint,
    restarts: sum(({ restarts }) => restarts), pauses: sum(({ pauses }) => pauses),
    lostReplies: sum(({ lostReplies }) => lostReplies), terminated: sum(({ terminated }) => terminated),
    clockSteps: sum(({ clockSteps }) => clockSteps), receiverFaults: sum(({ receiverFaults }) => receiverFaults),
    duplicates: sum(({ duplicates }) => duplicates), deadLetters: sum(({ deadLetters }) => deadLetters),
    recoveryMs: Math.max(0, ...summaries.map(({ recoveryMs }) => recoveryMs)),
    stalls: sum(({ stalls }) => stalls),
    ...(shares.length === 0 ? {} : { healthyThroughput: Math.min(...shares) }),
    ...(Object.keys(own).length === 0 ? {} : { own }),
    seconds: Math.round(sum(({ seconds }) => seconds) * 10) / 10,
  }
}

export function worst(verdicts: readonly RunCounts['verdict'][]): RunCounts['verdict'] {
  if (verdicts.includes('invalid')) return 'invalid'
  return verdicts.includes('unknown') || verdicts.length === 0 ? 'unknown' : 'valid'
}

interface Finding {
  readonly rule: string
  readonly message: string
  readonly example: readonly unknown[]
}

interface Findings {
  readonly violations: readonly Finding[]
  readonly gaps: readonly string[]
}

/** A line for each rule that was broken, with its first example. */
export function tellFindings(of: string, { violations, gaps }: Findings): string[] {
  const rules = new Map<string, Finding[]>()
  for (const violation of violations) rules.set(violation.rule, [...(rules.get(violation.rule) ?? []), violation])
  return [
    ...[...rules].map(([rule, [first, ...rest]]) =>
      `${of}: ${rule} ${first?.message} (and ${rest.length} more): ${JSON.stringify(first?.example)}`),
    ...gaps.slice(0, MAX_FOUND).map((gap) => `${of}: gap: ${gap}`),
  ]
}

function sumsOf(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count
  return sums
}
