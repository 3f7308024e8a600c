/** Where `waybill dead` finds dead letters, and how it shows them. */
import { Option, type Command } from 'commander'
import { nameOfKey } from '../core/scope.js'
import {
  DEAD_LETTER_SOURCES, type DeadLetter, type DeadLetterDetails, type DeadLetterSource,
} from '../deadletters/dead-letter.js'
import type { DeadLetters } from '../deadletters/dead-letters.js'
import type { DeadLetterFilter } from '../deadletters/source.js'
import { usageError } from './cli-error.js'
import { withAnyConnection } from './connection.js'
import type { Io } from './io.js'
import { viewOf } from './journal-view.js'
import { payloadFields, payloadLines, timeText, type Mask } from './message-view.js'
import { integer, withFeedOptions, withQueueOptions, type DatabaseFlags, type QueueFlags } from './options.js'
import type { Output } from './output.js'
import { oneLine } from './printable.js'

export interface DeadFilterFlags extends QueueFlags {
  readonly source?: DeadLetterSource
  readonly name?: string
  readonly key?: string
  readonly failures?: number
}

export type DeadFlags = DatabaseFlags & DeadFilterFlags

export function withDeadLetterOptions(command: Command): Command {
  const source = new Option('--source <source>', 'only of these').choices([...DEAD_LETTER_SOURCES])
  return withFeedOptions(withQueueOptions(command.addOption(source)
    .option('--name <name>', 'with --source: only of this publisher, heap or subscriber'))
    .option('--key <key>', 'only this key')
    .option('--failures <count>', 'of heaps: what failed at least so often in a row (default: 10)',
      integer(1, 2_147_483_647)))
}

export function filterOf({ source, name, lane, target, key, failures }: DeadFilterFlags): DeadLetterFilter {
  return { source, name, lane, target, key, threshold: failures }
}

/** Those of a database, in the tenant's view where one is named, or of a Redis. */
export async function withDeadLetters<T>(
  io: Io, flags: DeadFlags, work: (deadLetters: DeadLetters) => Promise<T>,
): Promise<T> {
  return withAnyConnection(io, flags, (connection) => {
    if (!('redis' in connection)) return work(viewOf(connection.waybill, flags.scope).deadLetters)
    if (flags.scope !== undefined) throw usageError('dead letters on Redis have no tenants', 'leave --scope out')
    return work(connection.redis.deadLetters)
  })
}

/** Whose it is: a queue, a publisher, a heap or a subscriber. */
export function ownerText(letter: DeadLetter): string {
  switch (letter.source) {
    case 'outbox': return `${letter.lane}/${letter.target}`
    case 'publisher': return letter.publisher
    case 'heap': return nameOfKey(letter.heap).name
    case 'subscriber': return nameOfKey(letter.subscriber).name
  }
}

/** What it is. */
export function subjectText(letter: DeadLetter): string {
  switch (letter.source) {
    case 'outbox': return letter.key === undefined ? letter.type : `${letter.type} ${letter.key}`
    case 'publisher': return `${letter.type} ${letter.stream} #${letter.sequence}`
    case 'heap': return letter.isDrained ? `${letter.entry} (drained)` : letter.entry
    case 'subscriber': return `${letter.feed} #${letter.sequence}`
  }
}

/** Numbers of u64 are decimal strings. */
export function letterDocument(letter: DeadLetter, mask: Mask): object {
  const error = mask(letter.error)
  return 'sequence' in letter ? { ...letter, sequence: String(letter.sequence), error } : { ...letter, error }
}

export function detailsDocument(
  { letter, failures, headers, payload, contentType }: DeadLetterDetails, mask: Mask,
): object {
  return {
    ...letterDocument(letter, mask),
    failures: failures.map((failure) => ({ ...failure, error: mask(failure.error) })),
    ...payload && { headers, contentType, ...payloadFields({ payload, contentType }) },
  }
}

/** For people: what it is, its last failure, and its payload where there is one. */
export function printDetails(output: Output, { letter, failures, payload, contentType }: DeadLetterDetails): void {
  const fields: readonly (readonly [string, string])[] = [
    ['id', letter.id], ['source', letter.source], [letter.source, ownerText(letter)], ['scope', letter.scope],
    ['what', subjectText(letter)], ['failures', String(letter.attempts)],
    ...payload === undefined ? [] : [['payload', `${payload.byteLength} bytes, ${contentType}`] as const],
  ]
  for (const [name, value] of fields) output.line(`${output.styled('bold', name.padEnd(10))}  ${oneLine(value)}`)
  output.line()
  for (const { attempt, failedAt, error } of failures) {
    const what = error === '' ? 'no error was recorded' : output.masked(error)
    output.line(`${output.styled('dim', timeText(failedAt))}  failure ${attempt}  ${oneLine(what)}`)
  }
  if (payload === undefined) return
  output.line()
  for (const line of payloadLines({ payload, contentType })) output.line(line)
}
