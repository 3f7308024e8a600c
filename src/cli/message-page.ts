/** One message for people: its fields, what happened to it, and its payload. */
import { maskHeaders } from '../core/masking.js'
import { QUARANTINE_CONSUMER } from '../outbox/contract.js'
import type { OutboxMessage } from '../outbox/message.js'
import { payloadLines, timeText, type Mask, type MessagePast } from './message-view.js'
import type { Output } from './output.js'
import { oneLine } from './printable.js'

export function printMessage(output: Output, message: OutboxMessage, past: MessagePast): void {
  const mask: Mask = (text) => output.masked(text)
  const fields = fieldsOf(message, mask).filter((field): field is [string, string] => field[1] !== undefined)
  const width = Math.max(...fields.map(([name]) => name.length))
  for (const [name, value] of fields) {
    output.line(`${output.styled('bold', name.padEnd(width))}  ${oneLine(value)}`)
  }
  output.line()
  for (const { at, what } of timelineOf(message, past, mask)) {
    output.line(`${output.styled('dim', timeText(at))}  ${oneLine(what)}`)
  }
  output.line()
  for (const line of payloadLines(message)) output.line(line)
  for (const edit of past.edits) {
    output.line()
    output.line(output.styled('dim', `the payload until ${timeText(edit.editedAt)}, ${oneLine(edit.contentType)}`))
    for (const line of payloadLines(edit)) output.line(line)
  }
}

interface Happening {
  readonly at: number
  readonly what: string
}

/** Oldest first. Of things at one time, in the order in which they can only have happened. */
function timelineOf(message: OutboxMessage, { failures, edits }: MessagePast, mask: Mask): Happening[] {
  const { status, createdAt, updatedAt, redrivenAt } = message
  const ends: Happening[] = status === 'delivered' ? [{ at: updatedAt, what: 'delivered' }]
    : status === 'dead_letter' ? [{ at: updatedAt, what: 'became a dead letter' }] : []
  const between = [
    ...failures.map(({ attempt, failedAt, consumer, error }) =>
      ({ at: failedAt, what: happened(attempt, consumer, mask(error)) })),
    ...edits.map(({ editedAt, by, note }) => ({ at: editedAt, what: `payload changed  ${by}  ${mask(note)}` })),
    ...(redrivenAt === undefined ? [] : [{ at: redrivenAt, what: 'redriven' }]),
  ]
  // Sorting is stable, and who redrives does it after the failure.
  return [{ at: createdAt, what: 'enqueued' }, ...between.sort((a, b) => a.at - b.at), ...ends]
}

function happened(attempt: number, consumer: string, error: string): string {
  return consumer === QUARANTINE_CONSUMER ? error : `attempt ${attempt} failed  ${consumer}  ${error}`
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
