/** From a claimed message to the call of its handler or transport. */
import type { Codec } from '../core/codec.js'
import { decodePayload } from '../core/content.js'
import { isWaybillError, validationError, WaybillError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { parseSchema } from '../core/standard-schema.js'
import { permanentError, type Envelope, type Transport } from '../core/transport.js'
import { assertName } from '../core/validate.js'
import { whenDone, type Deliver } from '../runner/source.js'
import { throughTransport } from '../runner/through-transport.js'
import { definitionOf, type DeliveredMessage, type EventDefinitions } from './events.js'
import type { OutboxMessage } from './message.js'
import type { Handler } from './relay-options.js'
import type { RelayItem } from './relay-source.js'

/** On messages that were redriven: when, in milliseconds by the store's clock. */
export const REDRIVEN_HEADER = 'waybill-redriven'

type AnyHandler = Handler<DeliveredMessage>
type HandlersByType = Readonly<Record<string, AnyHandler | undefined>>
/** A handler for all types, or one for each. */
export type AnyTargetHandler = AnyHandler | HandlersByType

export interface Decoding {
  readonly codec: Codec
  readonly events: EventDefinitions
}

/** @throws VALIDATION when the handler is not a function or an object of functions. */
export function deliverToHandler(
  target: string, handler: AnyTargetHandler, decoding: Decoding,
): Deliver<RelayItem> {
  const find = typeof handler === 'function' ? () => handler : router(target, handler)
  return ({ message }, context) => {
    const handle = find(message.type)
    if (handle === undefined) {
      throw new WaybillError('NO_ROUTE', `target '${target}' has no handler for type '${message.type}'`, {
        details: { target, type: message.type },
      })
    }
    const payload = readPayload(message, decoding)
    const result = payload instanceof Promise
      ? payload.then((read: unknown) => handle(delivered(message, read), context))
      : handle(delivered(message, payload), context)
    return whenDone(result)
  }
}

export function deliverToTransport(transport: Transport): Deliver<RelayItem> {
  return throughTransport(transport, ({ message }, { claimToken }) => envelope(message, claimToken))
}

function router(target: string, handlers: HandlersByType): (type: string) => AnyHandler | undefined {
  const field = `handlers['${target}']`
  if (typeof handlers !== 'object' || handlers === null) {
    throw validationError(field, 'must be a function, or an object of functions by type')
  }
  // A copy in a map: types come from stored rows, so `constructor` must not find anything.
  const byType = new Map<string, AnyHandler>()
  for (const [type, handler] of Object.entries(handlers)) {
    if (handler === undefined) continue
    if (typeof handler !== 'function') throw validationError(`${field}['${type}']`, 'must be a function')
    byType.set(assertName(`${field} type`, type, MAX_NAME_BYTES), handler)
  }
  if (byType.size === 0) throw validationError(field, 'must have at least one handler')
  return (type) => byType.get(type)
}

/** What is wrong with a payload stays wrong: what this throws is final, unless the schema itself failed. */
function readPayload(message: OutboxMessage, { codec, events }: Decoding): unknown {
  const payload = message.contentType === codec.contentType ? decodePayload(codec, message.payload) : message.payload
  const definition = definitionOf(events, message.type)
  if (definition === undefined) return payload
  return parseSchema(definition.schema, payload).catch((cause: unknown) => {
    throw isWaybillError(cause, 'VALIDATION') ? permanentError(cause.message, { cause }) : cause
  })
}

function delivered(message: OutboxMessage, payload: unknown): DeliveredMessage {
  return {
    id: message.id,
    type: message.type,
    payload,
    lane: message.lane,
    target: message.target,
    key: message.key,
    dedupeKey: message.dedupeKey,
    headers: headersOf(message),
    scope: message.scope,
    attempt: message.attemptCount,
    maxAttempts: message.maxAttempts,
    createdAt: message.createdAt,
    bytes: message.payload,
    contentType: message.contentType,
  }
}

function envelope(message: OutboxMessage, claimToken: string): Envelope {
  return {
    id: message.id,
    scope: message.scope,
    lane: message.lane,
    target: message.target,
    type: message.type,
    key: message.key,
    dedupeKey: message.dedupeKey,
    headers: headersOf(message),
    payload: message.payload,
    contentType: message.contentType,
    createdAt: message.createdAt,
    attempt: message.attemptCount,
    claimToken,
  }
}

/** What was enqueued, and whether it was a dead letter in between. */
function headersOf({ headers, redrivenAt }: OutboxMessage): Readonly<Record<string, string>> {
  return redrivenAt === undefined ? headers : { ...headers, [REDRIVEN_HEADER]: String(redrivenAt) }
}
