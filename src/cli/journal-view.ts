/** Events and publishers as the program shows them. Numbers of u64 are decimal strings in JSON. */
import { maskHeaders } from '../core/masking.js'
import type { JournalEvent } from '../journal/event.js'
import type { Follow } from '../journal/follow.js'
import type { DeadEvent, HeldStream } from '../journal/progress.js'
import type { PublisherStatus } from '../journal/publishers.js'
import { CliError } from './cli-error.js'
import type { Connected } from './connection.js'
import { payloadFields, type Mask } from './message-view.js'

export function eventDocument(event: JournalEvent): object {
  const { payload, headers, sequence, position, ...rest } = event
  return {
    ...rest, sequence: String(sequence), position: String(position), headers: maskHeaders(headers),
    payloadBytes: payload.byteLength, ...payloadFields(event),
  }
}

export function publisherDocument({ parts, ...rest }: PublisherStatus): object {
  return {
    ...rest,
    parts: parts.map(({ part, slots, cursor, owner, term, leaseMs }) => ({
      part, slots: slotsIn(slots), owner: owner ?? null, leaseMs, term: String(term), cursor: cursor ?? null,
    })),
  }
}

export function heldDocument({ from, to, error, ...rest }: HeldStream, mask: Mask): object {
  return { ...rest, from: String(from), to: String(to), error: mask(error) }
}

export function deadDocument({ sequence, number, error, ...rest }: DeadEvent, mask: Mask): object {
  return { ...rest, sequence: String(sequence), number: String(number), error: mask(error) }
}

export function followText(follow: Follow): string {
  if (follow === 'all') return 'all'
  return 'tags' in follow ? `tags ${follow.tags.join(', ')}` : `streams ${follow.streams.join(', ')}`
}

/** How many. */
export function slotsIn(slots: bigint): number {
  return slots.toString(2).replaceAll('0', '').length
}

/** The tenant's view, when one is named. */
export function viewOf(waybill: Connected, scope: string | undefined): Connected {
  return scope === undefined ? waybill : waybill.scoped(scope)
}

/** @throws NOT_FOUND. */
export async function findPublisher({ publishers }: Connected, name: string): Promise<PublisherStatus> {
  const found = await publishers.get(name)
  if (found !== undefined) return found
  throw new CliError('NOT_FOUND', `there is no publisher ${name}`, {
    next: 'see those there are with `waybill journal publishers`',
  })
}
