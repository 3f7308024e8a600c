/** The rules that need the whole history: each event against its transaction, the receiver and the journal. */
import type { FaultEvent } from 'waybill/testkit'
import type { FinalEvent } from './events.js'
import type { EventRecord, Records, TransactionRecord } from './records.js'
import type { Streams } from './streams.js'
import type { Terms } from './terms.js'
import type { CheckerOptions, Report, Verdict } from './verdict.js'

export interface History {
  readonly records: Records
  readonly streams: Streams
  readonly terms: Terms
  readonly faults: readonly FaultEvent[]
  readonly end: Extract<FinalEvent, { kind: 'end' }> | undefined
}

type Counts = Verdict['counts']

export function judgeRecords(
  history: History, options: CheckerOptions, report: Report, gap: (text: string) => void,
): Counts {
  const { records, terms, faults, end } = history
  const lastFault = faults.reduce((last, { until }) => Math.max(last, until), -Infinity)
  const decidedByJournal = judgeTransactions(records, report, gap)
  const counts = { committed: 0, aborted: 0, delivered: 0, deadLetters: 0, duplicates: 0, recoveryMs: 0 }
  let rows = 0
  for (const record of records.events.values()) {
    if (record.stored !== undefined) rows += 1
    if (record.dead !== undefined) counts.deadLetters += 1
    if (record.accepted !== undefined) counts.delivered += 1
    counts.duplicates += record.repeats.length
    if (!exists(record)) {
      counts.aborted += 1
      judgeAbsent(record, report)
      continue
    }
    counts.committed += 1
    const tookMs = judgePresent(record, { ...options, lastFault }, report)
    counts.recoveryMs = Math.max(counts.recoveryMs, tookMs)
    judgeRepeats(record, faults, report)
  }
  const byStream = storedByStream(records)
  for (const [stream, stored] of byStream) judgeNumbers(stream, stored, report)
  judgeOvertaken(history.streams, byStream, report)
  const staleDeliveries = judgeStaleDeliveries(terms, faults, options.leaseMs, report)
  if (end !== undefined) judgeEnd(end, rows, report)
  return { ...counts, decidedByJournal, refusedSaves: terms.refusedSaves, staleDeliveries, terms: terms.count }
}

/** An unknown commit is what the journal says it is, for all of its events alike. Answers how many there are. */
function judgeTransactions({ transactions }: Records, report: Report, gap: (text: string) => void): number {
  let unknown = 0
  for (const [name, { ended, events }] of transactions) {
    if (ended === undefined) gap(`transaction ${name} has no end`)
    if (ended?.kind !== 'unknown') continue
    unknown += 1
    const [present, absent] = [events.find(({ stored }) => stored), events.find(({ stored }) => !stored)]
    if (present !== undefined && absent !== undefined) {
      report('torn', absent.event, ended, present.stored, absent.appended)
    }
  }
  return unknown
}

const ends = (record: EventRecord, kind: string): TransactionRecord | undefined =>
  record.transactions.find(({ ended }) => ended?.kind === kind)

/** Committed, or what nobody knows and the journal has. */
function exists(record: EventRecord): boolean {
  if (ends(record, 'committed') !== undefined) return true
  return record.stored !== undefined && ends(record, 'unknown') !== undefined
}

function judgeAbsent(record: EventRecord, report: Report): void {
  const proof = record.firstReceived ?? record.stored
  if (proof !== undefined) report('phantom', record.event, record.transactions[0]?.ended, proof)
}

interface Judged extends CheckerOptions {
  readonly lastFault: number
}

/** Answers how long its first delivery took, from its commit or from the last fault. */
function judgePresent(record: EventRecord, { poison, recoveryMs, lastFault }: Judged, report: Report): number {
  const { event, appended, stored, accepted, firstReceived, dead } = record
  const ended = (ends(record, 'committed') ?? ends(record, 'unknown'))?.ended
  if (stored === undefined) return found(report, 'lost', event, ended, firstReceived)
  const told = ended?.kind === 'committed' ? ended.sequences[event] : undefined
  const isSame = stored.digest === appended?.digest && stored.stream === appended.stream
    && (told ?? stored.sequence) === stored.sequence
  if (!isSame) report('bytes', event, appended, ended, stored)
  if (firstReceived !== undefined && (firstReceived.id !== stored.id || firstReceived.sequence !== stored.sequence)) {
    report('bytes', event, firstReceived, stored)
  }
  const givesUpAt = poison(event)
  if ((givesUpAt !== undefined) !== (dead !== undefined) || (dead?.attempts ?? Infinity) < (givesUpAt ?? 0)) {
    return found(report, dead === undefined && accepted === undefined ? 'lost' : 'poison', event, ended, stored, dead)
  }
  if (dead !== undefined) return 0
  if (accepted === undefined) return found(report, 'lost', event, ended, stored)
  const tookMs = accepted.at - Math.max(ended?.at ?? 0, lastFault)
  if (tookMs > recoveryMs) report('late', event, ended, accepted)
  return tookMs
}

function found(report: Report, ...violation: Parameters<Report>): number {
  report(...violation)
  return 0
}

/** Accepted a second time: something must have been broken between the first time and this one. */
function judgeRepeats({ event, accepted, repeats }: EventRecord, faults: readonly FaultEvent[], report: Report): void {
  let before = accepted
  for (const again of repeats) {
    if (!isExplained(faults, before?.at ?? 0, again.at)) report('duplicate', event, before, again)
    before = again
  }
}

function judgeStaleDeliveries(
  { staleDeliveries }: Terms, faults: readonly FaultEvent[], leaseMs: number, report: Report,
): number {
  let explained = 0
  for (const { delivery, over } of staleDeliveries) {
    if (isExplained(faults, delivery.begunAt - leaseMs, delivery.begunAt)) explained += 1
    else report('stale-delivery', delivery.event, over, delivery)
  }
  return explained
}

function isExplained(faults: readonly FaultEvent[], from: number, to: number): boolean {
  return faults.some((fault) => fault.at <= to && fault.until >= from)
}

type Stored = EventRecord & { readonly stored: NonNullable<EventRecord['stored']> }

/** Each stream's events by number. */
function storedByStream({ events }: Records): Map<string, Stored[]> {
  const streams = new Map<string, Stored[]>()
  for (const record of events.values()) {
    if (record.stored === undefined) continue
    const known = streams.get(record.stored.stream)
    if (known === undefined) streams.set(record.stored.stream, [record as Stored])
    else known.push(record as Stored)
  }
  for (const records of streams.values()) records.sort((a, b) => a.stored.sequence - b.stored.sequence)
  return streams
}

/** Dense from 1, and none before one whose transaction had ended before its own began. */
function judgeNumbers(stream: string, records: readonly Stored[], report: Report): void {
  const hole = records.findIndex(({ stored }, index) => stored.sequence !== index + 1)
  if (hole >= 0) report('gap', stream, records[hole - 1]?.stored, records[hole]?.stored)
  let earliest: TransactionRecord | undefined
  for (const record of records.toReversed()) {
    const own = ends(record, 'committed')
    // Repeated, it may have its number from another transaction than the one that is known to have committed.
    if (own === undefined || record.transactions.length > 1) continue
    if (earliest !== undefined && (earliest.ended?.at ?? Infinity) < own.begun.at) {
      report('sequence', record.event, earliest.ended, own.begun, record.stored)
    }
    if (earliest === undefined || (own.ended?.at ?? Infinity) < (earliest.ended?.at ?? Infinity)) earliest = own
  }
}

/** What was given up may pass without its last attempt having reached anybody. */
function judgeOvertaken(
  { overtaken }: Streams, byStream: ReadonlyMap<string, readonly Stored[]>, report: Report,
): void {
  for (const { stream, sequence, by } of overtaken) {
    const record = byStream.get(stream)?.[sequence - 1]
    if (record?.dead === undefined) report('order', by.event, by, record?.accepted ?? record?.stored)
  }
}

function judgeEnd(end: NonNullable<History['end']>, rows: number, report: Report): void {
  if (end.rows !== rows) report('count', `${rows} in the journal`, end)
  if (end.heldStreams > 0 || end.unfinished.length > 0) report('unfinished', end.unfinished[0] ?? '', end)
}
