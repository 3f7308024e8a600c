/** What a run says of itself: counts, and the verdict on all of it. */
import type { Verdict, Violation } from 'waybill/testkit'
import type { RunCounts, StoreCounts } from '../ledger/entry.js'
import type { OutboxRunResult } from './outbox-run.js'
import { LANE_NAMES } from './plan.js'
import type { Stage } from './stage.js'

export interface StoreSummary extends StoreCounts {
  readonly store: Stage['store']
  readonly aborted: number
  readonly decidedByTable: number
  /** Planned, but there was nobody to do it to, or the point was not reached. */
  readonly missed: number
  readonly events: number
  /** Violations with their examples, gaps and problems. */
  readonly found: readonly string[]
}

const MAX_FOUND = 10

export function summaryOf(stage: Stage, result: OutboxRunResult): StoreSummary {
  const { judgement, kills, faults, problems, seconds } = result
  const verdicts = LANE_NAMES.map((lane) => judgement.verdicts[lane])
  const sum = (name: keyof Verdict['counts']): number => verdicts.reduce((all, { counts }) => all + counts[name], 0)
  const found = [
    ...problems, ...LANE_NAMES.flatMap((lane) => tellFindings(lane, judgement.verdicts[lane])),
  ]
  return {
    store: stage.store, version: stage.version,
    verdict: worst([...verdicts.map(({ verdict }) => verdict), problems.length > 0 ? 'unknown' : 'valid']),
    messages: sum('committed'), aborted: sum('aborted'), deadLetters: sum('deadLetters'),
    duplicates: sum('duplicates'), decidedByTable: sum('decidedByTable'),
    kills, ...faults, recoveryMs: Math.round(judgement.recoveryMs), stalls: judgement.stalls,
    events: judgement.events, seconds, found,
  }
}

/** The last line of a run. */
export interface Total extends RunCounts {
  readonly seed: number
  readonly kills: number
  readonly killsByPoint: Readonly<Record<string, number>>
}

export function totalOf(summaries: readonly StoreSummary[], seed: number): Total {
  const sum = (count: (summary: StoreSummary) => number): number =>
    summaries.reduce((all, summary) => all + count(summary), 0)
  const killsByPoint: Record<string, number> = {}
  for (const { kills } of summaries) {
    for (const [point, count] of Object.entries(kills)) killsByPoint[point] = (killsByPoint[point] ?? 0) + count
  }
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
    seconds: Math.round(sum(({ seconds }) => seconds) * 10) / 10,
  }
}

export function worst(verdicts: readonly Verdict['verdict'][]): Verdict['verdict'] {
  if (verdicts.includes('invalid')) return 'invalid'
  return verdicts.includes('unknown') || verdicts.length === 0 ? 'unknown' : 'valid'
}

function tellFindings(lane: string, { violations, gaps }: Verdict): string[] {
  const rules = new Map<string, Violation[]>()
  for (const violation of violations) rules.set(violation.rule, [...(rules.get(violation.rule) ?? []), violation])
  return [
    ...[...rules].map(([rule, [first, ...rest]]) =>
      `${lane}: ${rule} ${first?.message} (and ${rest.length} more): ${JSON.stringify(first?.example)}`),
    ...gaps.slice(0, MAX_FOUND).map((gap) => `${lane}: gap: ${gap}`),
  ]
}
