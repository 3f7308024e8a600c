/** The rules that need the whole history: each message against its transaction, the receiver and the table. */
import type { FaultEvent, HistoryEvent } from './events.js'
import { judgeOrder } from './order.js'
import type { History, MessageRecord, TransactionRecord } from './records.js'
import type { CheckerOptions, Rule, Verdict, Violation } from './verdict.js'

export type Report = (violation: Violation) => void
export type Gap = (text: string) => void

type Outcome = 'committed' | 'aborted' | 'undecided'

export function judgeMessages(
  history: History, options: CheckerOptions, report: Report, gap: Gap,
): Verdict['counts'] {
  const outcomes = new Map<TransactionRecord, Outcome>()
  let decidedByTable = 0
  for (const [name, transaction] of history.transactions) {
    if (transaction.ended === undefined) gap(`transaction ${name} has no end`)
    if (transaction.ended?.kind === 'unknown') decidedByTable += 1
    outcomes.set(transaction, outcomeOf(transaction, report))
  }
  const isCommitted = ({ transaction }: MessageRecord): boolean =>
    transaction !== undefined && outcomes.get(transaction) === 'committed'
  const lastFault = history.faults.reduce((last, { until }) => Math.max(last, until), -Infinity)
  const counts = { committed: 0, aborted: 0, decidedByTable, delivered: 0, deadLetters: 0, duplicates: 0 }
  let rows = 0
  for (const record of history.messages.values()) {
    if (record.final !== undefined) rows += 1
    counts.duplicates += record.repeats.length
    if (record.final?.status === 'dead_letter') counts.deadLetters += 1
    if (record.transaction !== undefined && outcomes.get(record.transaction) === 'undecided') continue
    if (!isCommitted(record)) {
      counts.aborted += 1
      judgeAbsent(record, report)
      continue
    }
    counts.committed += 1
    if (record.accepted !== undefined) counts.delivered += 1
    judgeCommitted(record, { ...options, lastFault }, report)
    judgeRepeats(record, history.faults, report)
  }
  if (history.end !== undefined && history.end.rows !== rows) {
    report({ rule: 'count', message: '', example: [history.end] })
  }
  const ordering = options.ordering ?? 'none'
  if (ordering !== 'none') judgeOrder([...history.messages.values()].filter(isCommitted), ordering, report)
  return { ...counts, faults: history.faults.length }
}

/** An unknown commit is what the table says it is, for all of its messages alike. */
function outcomeOf(transaction: TransactionRecord, report: Report): Outcome {
  const { ended, messages } = transaction
  if (ended === undefined) return 'undecided'
  if (ended.kind !== 'unknown') return ended.kind
  const [present, absent] = [messages.find(({ final }) => final), messages.find(({ final }) => !final)]
  if (present !== undefined && absent !== undefined) {
    report({ rule: 'torn', message: absent.message, example: events(ended, present.final, absent.enqueued) })
  }
  return present === undefined ? 'aborted' : 'committed'
}

function judgeAbsent(record: MessageRecord, report: Report): void {
  const { message, transaction, firstReceived, final } = record
  const proof = firstReceived ?? final
  if (proof !== undefined) report({ rule: 'phantom', message, example: events(transaction?.ended, proof) })
}

interface Judged extends CheckerOptions {
  readonly lastFault: number
}

function judgeCommitted(record: MessageRecord, options: Judged, report: Report): void {
  const { message, transaction, accepted, final } = record
  const ended = transaction?.ended
  const broken = (rule: Rule, ...example: (HistoryEvent | undefined)[]): void =>
    report({ rule, message, example: events(...example) })
  // Of an unknown commit it is `torn`, and told already.
  if (final === undefined) return ended?.kind === 'unknown' ? undefined : broken('lost', ended, accepted)
  if (final.status === 'pending' || final.status === 'claimed') return broken('stuck', ended, final)
  if (final.status === 'delivered' && accepted === undefined) return broken('unsent', ended, final)
  const isPoison = options.isPoison?.(message) ?? false
  if (isPoison !== (final.status === 'dead_letter')) return broken('poison', ended, final)
  const deadline = Math.max(ended?.at ?? 0, options.lastFault) + options.recoveryMs
  if (accepted !== undefined && accepted.at > deadline) broken('late', ended, accepted)
}

/** Accepted a second time: something must have been broken between the first time and this one. */
function judgeRepeats(
  { message, accepted, repeats }: MessageRecord, faults: readonly FaultEvent[], report: Report,
): void {
  let before = accepted
  for (const again of repeats) {
    const [from, to] = [before?.at ?? 0, again.at]
    if (!faults.some((fault) => fault.at <= to && fault.until >= from)) {
      report({ rule: 'duplicate', message, example: events(before, again) })
    }
    before = again
  }
}

function events(...some: (HistoryEvent | undefined)[]): HistoryEvent[] {
  return some.filter((event) => event !== undefined)
}
