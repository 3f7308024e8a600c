/**
 * Order per key. A comes before B when both have the key and A's transaction had committed before B's began, or
 * when both are of one transaction and A was enqueued first. Then nobody may receive B before A was accepted; in a lane
 * that skips, unless A became a dead letter.
 */
import type { HistoryEvent } from './events.js'
import type { MessageRecord } from './records.js'
import type { Violation } from './verdict.js'

export function judgeOrder(
  messages: readonly MessageRecord[], ordering: 'block' | 'skip', report: (violation: Violation) => void,
): void {
  const keys = new Map<string, MessageRecord[]>()
  for (const record of messages) {
    const key = record.enqueued?.key
    if (key === undefined || (ordering === 'skip' && record.final?.status === 'dead_letter')) continue
    const known = keys.get(key)
    if (known === undefined) keys.set(key, [record])
    else known.push(record)
  }
  for (const records of keys.values()) {
    judgeTransactions(records, report)
    judgeBetween(records, report)
  }
}

const acceptedAt = ({ accepted }: MessageRecord): number => accepted?.at ?? Infinity
const committedAt = ({ transaction }: MessageRecord): number => transaction?.ended?.at ?? Infinity

/** Of one transaction, neighbours are enough. */
function judgeTransactions(records: readonly MessageRecord[], report: (violation: Violation) => void): void {
  const last = new Map<MessageRecord['transaction'], MessageRecord>()
  for (const record of records) {
    const before = last.get(record.transaction)
    if (before !== undefined) judgePair(before, record, report)
    last.set(record.transaction, record)
  }
}

/** Of all that had committed before one began, the one that was accepted last is enough. */
function judgeBetween(records: readonly MessageRecord[], report: (violation: Violation) => void): void {
  const byCommit = records.toSorted((a, b) => committedAt(a) - committedAt(b))
  const byBegin = records.toSorted((a, b) => (a.transaction?.begun.at ?? 0) - (b.transaction?.begun.at ?? 0))
  let latest: MessageRecord | undefined
  let next = 0
  for (const record of byBegin) {
    const begun = record.transaction?.begun.at ?? 0
    for (; next < byCommit.length; next += 1) {
      const candidate = byCommit[next]
      if (candidate === undefined || committedAt(candidate) >= begun) break
      if (latest === undefined || acceptedAt(candidate) > acceptedAt(latest)) latest = candidate
    }
    if (latest !== undefined) judgePair(latest, record, report)
  }
}

function judgePair(first: MessageRecord, second: MessageRecord, report: (violation: Violation) => void): void {
  const { firstReceived } = second
  if (firstReceived === undefined || acceptedAt(first) <= firstReceived.at) return
  const example: (HistoryEvent | undefined)[] = [
    first.transaction?.ended, second.transaction?.begun, firstReceived, first.accepted,
  ]
  report({ rule: 'order', message: second.message, example: example.filter((event) => event !== undefined) })
}
