/** One message for people: its fields, what happened to it, and its payload. */
import { maskHeaders } from '../core/masking.js'
import type { FailedAttempt } from '../outbox/contract.js'
import type { OutboxMessage } from '../outbox/message.js'
import { payloadLines, timeText, type Mask } from './message-view.js'
import type { Output } from './output.js'
import { oneLine } from './printable.js'

export function printMessage(output: Output, message: OutboxMessage, failures: readonly FailedAttempt[]): void {
  const mask: Mask = (text) => output.masked(text)
  const fields = fieldsOf(message, mask).filter((field): field is [string, string] => field[1] !== undefined)
  const width = Math.max(...fields.map(([name]) => name.length))
  for (const [name, value] of fields) {
    output.line(`${output.styled('bold', name.padEnd(width))}  ${oneLine(value)}`)
  }
  output.line()
  for (const { at, what } of timelineOf(message, failures, mask)) {
    output.line(`${output.styled('dim', timeText(at))}  ${oneLine(what)}`)
  }
  output.line()
  for (const line of payloadLines(message)) output.line(line)
}

interface Happening {
  readonly at: number
  readonly what: string
}

/** Oldest first. Of things at one time, in the order in which they can only have happened. */
function timelineOf(message: OutboxMessage, failures: readonly FailedAttempt[], mask: Mask): Happening[] {
  const { status, createdAt, updatedAt, redrivenAt } = message
  const ends: Happening[] = status === 'delivered' ? [{ at: updatedAt, what: 'delivered' }]
    : status === 'dead_letter' ? [{ at: updatedAt, what: 'became a dead letter' }] : []
  const between = [
    ...failures.map(({ attempt, failedAt, consumer, error }) =>
      ({ at: failedAt, what: `attempt ${attempt} failed  ${consumer}  ${mask(error)}` })),
    ...(redrivenAt === undefined ? [] : [{ at: redrivenAt, what: 'redriven' }]),
  ]
  // Sorting is stable, and who redrives does it after the failure.
  return [{ at: createdAt, what: 'enqueued' }, ...between.sort((a, b) => a.at - b.at), ...ends]
}

function fieldsOf(message: OutboxMessage, mask: Mask): [string, string | undefined][] {
  const { leaseExpiresAt, lastError, redrivenAt } = message
  return [
    ['id', message.id],
    ['status', message.status],
    ['type', message.type],
    ['scope', message.scope],
    ['lane', message.lane],
    ['target', message.target],
    ['key', message.key],
    ['dedupe key', message.dedupeKey],
    ['attempts', `${message.attemptCount} of ${message.maxAttempts}`],
    ['last error', lastError === undefined ? undefined : mask(lastError)],
    ['claimed by', message.claimedBy],
    ['lease until', leaseExpiresAt === undefined ? undefined : timeText(leaseExpiresAt)],
    ['available', timeText(message.availableAt)],
    ['created', timeText(message.createdAt)],
    ['redriven', redrivenAt === undefined ? undefined : timeText(redrivenAt)],
    ['updated', timeText(message.updatedAt)],
    ...Object.entries(maskHeaders(message.headers)).map((header): [string, string] => ['header', header.join(': ')]),
    ['payload', `${message.payload.byteLength} bytes, ${message.contentType}`],
  ]
}
