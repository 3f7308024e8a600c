/**
 * From the journal to the outbox in one transaction: for each appended event a message that points to it, or carries a
 * copy. Its dedupe key is made of the event's id, so no event gets two; its key is the stream, so that an
 * ordered lane keeps the stream's order.
 */
import { validationError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { assertName } from '../core/validate.js'
import { DEFAULT_LANE, DEFAULT_TARGET, type OutboxMessageDraft } from '../outbox/message.js'
import type { EventPlace, NewBatch } from './event.js'

export interface EventMessageOptions {
  /** Default `default`. */
  readonly lane?: string | undefined
  /** Default `default`. */
  readonly target?: string | undefined
  /**
   * `pointer`: the payload is an `EventPointer` as JSON; read the event with `journal.get`. `copy`: the event's own
   * bytes and content type. Default `pointer`.
   */
  readonly payload?: 'pointer' | 'copy' | undefined
}

/** The payload of a message that points to an event. */
export interface EventPointer {
  readonly eventId: string
  readonly stream: string
  /** Decimal. */
  readonly sequence: string
  readonly type: string
}

/** Before anything is written. @throws VALIDATION. */
export function checkEventMessage(options: EventMessageOptions): EventMessageOptions {
  const { lane = DEFAULT_LANE, target = DEFAULT_TARGET, payload = 'pointer' } = options
  if (payload !== 'pointer' && payload !== 'copy') throw validationError('outbox.payload', 'must be pointer or copy')
  return {
    lane: assertName('outbox.lane', lane, MAX_NAME_BYTES), target: assertName('outbox.target', target, MAX_NAME_BYTES),
    payload,
  }
}

export function eventMessages(
  batch: NewBatch, places: readonly EventPlace[], { lane, target, payload }: EventMessageOptions,
): readonly OutboxMessageDraft[] {
  return batch.events.flatMap((event, index) => {
    const place = places[index]
    if (place === undefined) return []
    const pointer: EventPointer = {
      eventId: place.id, stream: event.stream, sequence: String(place.sequence), type: event.type,
    }
    return {
      lane, target, type: event.type, key: event.stream, headers: event.headers, scope: batch.scope,
      dedupeKey: `canonical/${place.id}`,
      ...(payload === 'copy' ? { payload: event.payload, contentType: event.contentType } : {
        payload: Buffer.from(JSON.stringify(pointer)), contentType: 'application/json',
      }),
    }
  })
}
