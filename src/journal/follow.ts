/** Which events a publisher follows. */
import { validationError, WaybillError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { assertName } from '../core/validate.js'
import type { JournalFilter } from './contract.js'
import { assertStream } from './encode.js'
import type { JournalEvent } from './event.js'

/** At most 1,000 streams by name, or 100 tags, of which an event has at least one. */
export type Follow = 'all' | { readonly streams: readonly string[] } | { readonly tags: readonly string[] }

export interface FollowedEvents extends Omit<JournalFilter, 'scope'> {
  /** The same for the same events, whatever the order of the names: what is stored with the publisher. */
  readonly text: string
}

/** Streams of this prefix hold what publishers keep for themselves. */
export const OFFSETS_PREFIX = 'outbox::'

/** @throws VALIDATION. */
export function followed(follow: Follow = 'all'): FollowedEvents {
  if (follow === 'all') return { tags: undefined, streams: undefined, text: 'all' }
  const { streams, tags } = follow as { readonly streams?: readonly string[]; readonly tags?: readonly string[] }
  if ((streams === undefined) === (tags === undefined)) {
    throw validationError('follow', `must be 'all', { streams } or { tags }`)
  }
  if (streams !== undefined) {
    const names = distinct('follow.streams', streams, 1_000, assertStream)
    return { tags: undefined, streams: names, text: JSON.stringify({ streams: names }) }
  }
  const names = distinct('follow.tags', tags ?? [], 100, (tag) => assertName('tag', tag, MAX_NAME_BYTES))
  return { tags: names, streams: undefined, text: JSON.stringify({ tags: names }) }
}

/** The inverse: what a stored publisher follows. @throws CORRUPT. */
export function followOf(text: string): Follow {
  if (text === 'all') return 'all'
  try {
    const follow = JSON.parse(text) as Exclude<Follow, 'all'>
    if (followed(follow).text === text) return follow
  } catch {
    // As below.
  }
  throw new WaybillError('CORRUPT', 'what is stored of a publisher does not say what it follows')
}

/** What publishers keep for themselves is followed only by name. */
export function mayFollow({ streams }: Pick<JournalFilter, 'streams'>, stream: string): boolean {
  return streams === undefined ? !stream.startsWith(OFFSETS_PREFIX) : streams.includes(stream)
}

/** Of one stream, which is read whole: whether the event is one of those that are followed. */
export function hasFollowedTag({ tags }: FollowedEvents, event: JournalEvent): boolean {
  return tags === undefined || event.tags.some((tag) => tags.includes(tag))
}

function distinct(
  field: string, names: readonly string[], max: number, check: (name: string) => string,
): readonly string[] {
  if (!Array.isArray(names) || names.length === 0 || names.length > max) {
    throw validationError(field, `must name 1 to ${max}`)
  }
  return [...new Set(names.map(check))].sort()
}
