/** The rules that need the whole history: transactions, incarnations, deliveries and what there is in the end. */
import type { FaultEvent } from 'waybill/testkit'
import { digestOfRows } from './digest.js'
import type { FinalEvent, ReceivedEvent, RowChange, StoredPlace } from './events.js'
import type { Followers } from './followers.js'
import { exists, type Incarnation, type Records, type ResultRecord, type TransactionRecord } from './records.js'
import type { Tenures } from './tenures.js'
import type { CheckerOptions, Report, Verdict } from './verdict.js'

type FinalFeed = Extract<FinalEvent, { kind: 'feed' }>

export interface Ending {
  readonly feeds: Map<string, FinalFeed>
  readonly checkpoints: Extract<FinalEvent, { kind: 'checkpoint' }>[]
}

export interface History {
  readonly records: Records
  readonly followers: Followers
  readonly tenures: Tenures
  readonly faults: readonly FaultEvent[]
  /** By subscriber and result. */
  readonly accepted: Iterable<{ readonly record: ResultRecord; readonly events: readonly ReceivedEvent[] }>
  readonly delivered: ReadonlyMap<ResultRecord, ReceivedEvent>
  readonly ending: Ending
}

export function judgeRecords(
  history: History, options: CheckerOptions, report: Report, gap: (text: string) => void,
): Verdict['counts'] {
  const { records, followers, tenures, faults, delivered, ending } = history
  const decidedByTable = judgeTransactions(records, report, gap)
  for (const [record, event] of delivered) {
    if (!exists(record.transaction)) report('phantom', record.result, record.transaction.ended, event)
  }
  let [committed, snapshots] = [0, 0]
  for (const incarnation of records.incarnations.values()) {
    const results = committedOf(incarnation)
    committed += results.length
    snapshots += incarnation.snapshots.length
    judgeNumbers(incarnation, results, report)
    judgeRows(incarnation, results, ending.feeds.get(incarnation.feed), report)
  }
  for (const feed of Object.keys(options.capacities)) judgeEnd(feed, history, options, report)
  judgeLate(history, report)
  followers.finish((feed) => ending.feeds.get(feed))
  return {
    committed, aborted: records.results.size - committed, decidedByTable,
    incarnations: records.incarnations.size, snapshots, told: followers.told,
    ...judgeDeliveries(history, options, report),
    refusedSaves: tenures.refusedSaves, terms: tenures.count,
    staleDeliveries: judgeStaleDeliveries(tenures, faults, options.leaseMs, report),
  }
}

/** The application's table and the producer agree. Answers how many only the table knows of. */
function judgeTransactions({ transactions }: Records, report: Report, gap: (text: string) => void): number {
  let unknown = 0
  for (const [name, { ended, isStored }] of transactions) {
    if (ended === undefined) gap(`transaction ${name} has no end`)
    else if (ended.kind === 'unknown') unknown += 1
    else if (ended.kind === 'committed' && !isStored) report('lost', name, ended)
    else if (ended.kind === 'aborted' && isStored) report('phantom', name, ended)
  }
  return unknown
}

/** By their numbers. */
function committedOf({ results }: Incarnation): ResultRecord[] {
  return results.filter(({ transaction }) => exists(transaction)).sort((a, b) => a.sequence - b.sequence)
}

/** Dense from 1, and none before one whose transaction had ended before its own began. */
function judgeNumbers({ feed }: Incarnation, results: readonly ResultRecord[], report: Report): void {
  results.forEach((record, index) => {
    const before = results[index - 1]
    if (record.sequence === (before?.sequence ?? 0) + 1) return
    const rule = record.sequence === before?.sequence ? 'twice' : 'hole'
    report(rule, `${feed} ${record.sequence}`, before?.wrote, record.wrote)
  })
  let earliest: TransactionRecord | undefined
  for (const { transaction, result, wrote } of results.toReversed()) {
    if (transaction.ended?.kind !== 'committed') continue
    if (earliest !== undefined && (earliest.ended?.at ?? Infinity) < transaction.begun.at) {
      report('sequence', result, earliest.ended, transaction.begun, wrote)
    }
    if (earliest === undefined || transaction.ended.at < (earliest.ended?.at ?? Infinity)) earliest = transaction
  }
}

/** Every snapshot has the rows that the results up to it make, and so has the feed in the end. */
function judgeRows(
  { incarnation, began, snapshots }: Incarnation, results: readonly ResultRecord[], end: FinalFeed | undefined,
  report: Report,
): void {
  const rows = new Map<string, string>()
  const isThere = results.length > 0 || (began !== undefined && exists(began.transaction))
  if (began !== undefined && exists(began.transaction)) apply(rows, began.event.rows)
  const waiting = snapshots.toSorted((a, b) => a.seen.sequence - b.seen.sequence)
  const judge = (upTo: number): void => {
    for (let next = waiting[0]; next !== undefined && next.seen.sequence < upTo; next = waiting[0]) {
      waiting.shift()
      const { event, seen } = next
      if (!isThere) report('phantom', `the snapshot ${incarnation} ${seen.sequence}`, event)
      else if (digestOfRows(rows) !== seen.digest) report('snapshot', `${incarnation} ${seen.sequence}`, event)
    }
  }
  for (const { sequence, changes } of results) {
    judge(sequence)
    apply(rows, changes)
  }
  judge((results.at(-1)?.sequence ?? 0) + 1)
  for (const { event, seen } of waiting) report('snapshot', `${incarnation} has no ${seen.sequence}`, event)
  if (end?.incarnation !== incarnation) return
  const digest = digestOfRows(rows)
  if (end.rows !== digest || end.own !== digest) report('rows', end.feed, end)
}

function apply(rows: Map<string, string>, changes: readonly RowChange[]): void {
  for (const [key, value] of changes) {
    if (value === null) rows.delete(key)
    else rows.set(key, value)
  }
}

/** The feed is where its last result is and keeps as many as it should, and so are its subscribers. */
function judgeEnd(
  feed: string, { records, ending }: History, { capacities, subscribers }: CheckerOptions, report: Report,
): void {
  const end = ending.feeds.get(feed)
  if (end === undefined) return report('rows', `${feed} is not there`)
  const results = committedOf(records.incarnation(feed, end.incarnation))
  const kept = results.slice(Math.max(0, results.length - (capacities[feed] ?? 0)))
  const isSame = kept.length === end.log.length && end.sequence === results.length
    && kept.every(({ sequence, result, digest }, index) => {
      const [keptSequence, keptResult, keptDigest] = end.log[index] ?? []
      return sequence === keptSequence && result === keptResult && digest === keptDigest
    })
  if (!isSame) report('log', feed, kept.at(-1)?.wrote, end)
  for (const [subscriber, plan] of Object.entries(subscribers)) {
    if (!plan.feeds.includes(feed)) continue
    const checkpoint = ending.checkpoints.find((each) => each.subscriber === subscriber && each.feed === feed)
    if (!isAt(checkpoint, end)) report('unfinished', `${subscriber}: ${feed}`, checkpoint, end)
  }
}

function isAt(checkpoint: StoredPlace | undefined, { incarnation, sequence }: StoredPlace): boolean {
  return checkpoint?.incarnation === incarnation && checkpoint.sequence === sequence
}

/** Accepted again, something must have been broken between that and the time before. */
function judgeDeliveries(
  { accepted, faults }: History, { recoveryMs: allowedMs }: CheckerOptions, report: Report,
): Pick<Verdict['counts'], 'delivered' | 'duplicates' | 'recoveryMs'> {
  const lastFault = faults.reduce((last, { until }) => Math.max(last, until), -Infinity)
  const counts = { delivered: 0, duplicates: 0, recoveryMs: 0 }
  for (const { record: { result, transaction }, events } of accepted) {
    counts.delivered += 1
    counts.duplicates += events.length - 1
    events.forEach((again, index) => {
      const before = events[index - 1]
      if (before !== undefined && !isExplained(faults, before.at, again.at)) report('duplicate', result, before, again)
    })
    const [first] = events
    const tookMs = (first?.at ?? 0) - Math.max(transaction.ended?.at ?? 0, lastFault)
    if (tookMs > allowedMs) report('late', result, transaction.ended, first)
    counts.recoveryMs = Math.max(counts.recoveryMs, tookMs)
  }
  return counts
}

function judgeLate({ followers, faults }: History, report: Report): void {
  for (const { incarnation, by } of followers.late) {
    if (!isExplained(faults, by.begunAt, by.at)) report('order', `${by.subscriber}: ${by.feed} ${incarnation}`, by)
  }
}

function judgeStaleDeliveries(
  { staleDeliveries }: Tenures, faults: readonly FaultEvent[], leaseMs: number, report: Report,
): number {
  let explained = 0
  for (const { delivery, over } of staleDeliveries) {
    if (isExplained(faults, delivery.begunAt - leaseMs, delivery.begunAt)) explained += 1
    else report('stale-delivery', `${delivery.subscriber}: ${delivery.feed}`, over, delivery)
  }
  return explained
}

function isExplained(faults: readonly FaultEvent[], from: number, to: number): boolean {
  return faults.some((fault) => fault.at <= to && fault.until >= from)
}
