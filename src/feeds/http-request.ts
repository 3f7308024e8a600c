/** What a request asks of a feed, from its address and headers. */
import { validationError } from '../core/errors.js'
import { MAX_PAGE_LIMIT } from '../core/limits.js'
import { assertU64 } from '../core/u64.js'

/** Where a reader is. As the id of an event: `<incarnation>:<sequence>`. */
export interface FeedPosition {
  readonly incarnation: string
  readonly sequence: bigint
}

export type FeedRequest =
  | { readonly kind: 'events'; readonly behind: FeedPosition | undefined }
  | { readonly kind: 'snapshot' }
  | {
    readonly kind: 'page'; readonly after: bigint; readonly incarnation: string | undefined
    readonly limit: number
  }

const EVENT_STREAM = 'text/event-stream'

/** @throws VALIDATION naming the parameter. */
export function readRequest(request: Request): FeedRequest {
  const { searchParams } = new URL(request.url)
  const isStream = searchParams.has('stream') || (request.headers.get('accept') ?? '').includes(EVENT_STREAM)
  if (isStream) {
    // What a browser resumes from is newer than what stood in the address it was given.
    const id = request.headers.get('last-event-id') || searchParams.get('lastEventId')
    return { kind: 'events', behind: id ? readPosition(id) : undefined }
  }
  const after = searchParams.get('after')
  if (after === null) return { kind: 'snapshot' }
  return {
    kind: 'page', after: readU64('after', after), incarnation: searchParams.get('incarnation') ?? undefined,
    limit: readLimit(searchParams.get('limit')),
  }
}

export function positionText({ incarnation, sequence }: FeedPosition): string {
  return `${incarnation}:${sequence}`
}

function readPosition(id: string): FeedPosition {
  const end = id.lastIndexOf(':')
  if (end < 1) throw validationError('Last-Event-ID', 'must be <incarnation>:<sequence>')
  return { incarnation: id.slice(0, end), sequence: readU64('Last-Event-ID', id.slice(end + 1)) }
}

function readU64(field: string, text: string): bigint {
  return assertU64(field, /^\d{1,20}$/.test(text) ? BigInt(text) : undefined)
}

function readLimit(text: string | null): number {
  if (text === null) return MAX_PAGE_LIMIT
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MAX_PAGE_LIMIT) return limit
  throw validationError('limit', `must be from 1 to ${MAX_PAGE_LIMIT}`)
}
