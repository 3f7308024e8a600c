/**
 * Judges a run with poison: by the history, as every run of the outbox is, that exactly the poison became dead letters,
 * that all else was delivered, and in which order; and beside it
 *
 * - `way`: a dead letter that became one otherwise than its kind does.
 * - `throughput`: poison left less of the healthy messages' than it must.
 */
import { HistoryChecker, type FaultEvent, type HistoryEvent, type Verdict, type Violation } from 'waybill/testkit'
import {
  isClean, isPoisoned, KILLS_EACH, LANES, LANE, partOf, poisonOf, REFUSAL, type Part, type Poison,
} from './plan.js'
import { perSecond, stretchOf } from './throughput.js'

/** A row of the table at the end, with what a person would see. */
export interface FinalRow {
  readonly message: string
  readonly status: 'pending' | 'claimed' | 'delivered' | 'dead_letter'
  readonly attempts: number
  readonly lastError: string | undefined
}

export interface PoisonViolation {
  readonly rule: Violation['rule'] | 'way' | 'throughput'
  readonly message: string
  readonly example: readonly unknown[]
}

export interface PoisonVerdict {
  readonly verdict: Verdict['verdict']
  readonly violations: readonly PoisonViolation[]
  readonly gaps: readonly string[]
  readonly counts: Verdict['counts']
  /** Dead letters by how they became one. */
  readonly ways: Readonly<Record<Way, number>>
  /** Healthy messages in a second. */
  readonly perSecond: { readonly poisoned: number; readonly baseline: number }
  /** The share of the baseline. */
  readonly healthyThroughput: number
  /** The same to the last message instead of 95 %. */
  readonly toTheLast: number
}

type Way = 'quarantined' | 'at once' | 'after its lease expired' | 'otherwise'

export interface JudgeOptions {
  /** When each part's relays were told to begin, by the journals' clock. */
  readonly begunAt: ReadonlyMap<Part, number>
  readonly leastThroughput: number
}

export class PoisonJudge {
  readonly faults: FaultEvent[] = []
  readonly #options: JudgeOptions
  readonly #checker = new HistoryChecker({
    ordering: LANES[LANE].ordering, recoveryMs: Infinity, isPoison: (name) => poisonOf(name) !== undefined,
  })
  readonly #deliveredAt = new Map<Part, Map<string, number>>()
  #last = 0

  constructor(options: JudgeOptions) {
    this.#options = options
  }

  push(event: HistoryEvent): void {
    this.#checker.push(event)
    this.#last = Math.max(this.#last, event.at)
    if (event.kind === 'fault') this.faults.push(event)
    if (event.kind !== 'received' || !event.accepted) return
    const part = partOf(event.message)
    const delivered = this.#deliveredAt.get(part) ?? new Map<string, number>()
    this.#deliveredAt.set(part, delivered)
    if (!delivered.has(event.message)) delivered.set(event.message, event.at)
  }

  /** `rows`: of the table; `count`: of what was enqueued. */
  finish(rows: readonly FinalRow[], count: number): PoisonVerdict {
    for (const { message, status } of rows) this.#checker.push({ kind: 'final', at: this.#last, message, status })
    this.#checker.push({ kind: 'end', at: this.#last, rows: count })
    const history = this.#checker.finish()
    const ways = { 'quarantined': 0, 'at once': 0, 'after its lease expired': 0, 'otherwise': 0 }
    const violations: PoisonViolation[] = [...history.violations]
    for (const row of rows.filter(({ status }) => status === 'dead_letter')) {
      const way = wayOf(row)
      ways[way] += 1
      const poison = poisonOf(row.message)
      // That it is none was told already.
      if (poison !== undefined && way !== WAYS[poison]) {
        violations.push({ rule: 'way', message: row.message, example: [row] })
      }
    }
    const throughput = this.#throughput()
    const { healthyThroughput } = throughput
    if (healthyThroughput < this.#options.leastThroughput) {
      violations.push({ rule: 'throughput', message: '', example: [throughput] })
    }
    const verdict = violations.length > 0 ? 'invalid' : history.verdict
    return { verdict, violations, gaps: history.gaps, counts: history.counts, ways, ...throughput }
  }

  #throughput() {
    const rates = (share?: number) => {
      const rateOf = (isWanted: (part: Part) => boolean): number => perSecond(
        [...this.#options.begunAt].filter(([part]) => isWanted(part)).map(([part, begunAt]) => (
          stretchOf(begunAt, [...this.#deliveredAt.get(part)?.values() ?? []], share))))
      return { poisoned: rateOf(isPoisoned), baseline: rateOf(isClean) }
    }
    const [most, all] = [rates(), rates(1)]
    return {
      perSecond: { poisoned: Math.round(most.poisoned), baseline: Math.round(most.baseline) },
      healthyThroughput: shareOf(most.poisoned, most.baseline), toTheLast: shareOf(all.poisoned, all.baseline),
    }
  }
}

const shareOf = (part: number, whole: number): number => (whole === 0 ? 0 : Math.round((part / whole) * 1_000) / 1_000)

/** How each kind is meant to become a dead letter. */
const WAYS: Readonly<Record<Poison, Way>> = {
  throws: 'quarantined', hangs: 'quarantined', oversized: 'quarantined', permanent: 'at once',
  kills: 'after its lease expired',
}

function wayOf({ attempts, lastError = '' }: FinalRow): Way {
  if (lastError.startsWith('quarantined after')) return 'quarantined'
  if (lastError === 'lease expired' && attempts === KILLS_EACH) return 'after its lease expired'
  return lastError.includes(REFUSAL) ? 'at once' : 'otherwise'
}
