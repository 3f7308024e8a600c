/** From an event to the call of the publish function, or to a transport. */
import type { Codec } from '../core/codec.js'
import { decodePayload } from '../core/content.js'
import { isWaybillError, validationError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { permanentError, type Transport } from '../core/transport.js'
import { assertName } from '../core/validate.js'
import { whenDone, type Deliver } from '../runner/source.js'
import { throughTransport } from '../runner/through-transport.js'
import type { JournalEvent } from './event.js'
import type { PublisherItem } from './publisher-batch.js'
import type { PublishedEvent, PublisherOptions, Upcast } from './publisher-options.js'

/** On what a transport gets of an event. */
export const STREAM_HEADER = 'waybill-stream'
export const SEQUENCE_HEADER = 'waybill-sequence'
export const MANIFEST_HEADER = 'waybill-manifest'

/** The lane that transports see of journal events. */
export const JOURNAL_LANE = 'journal'

/** A chain that is longer goes in a circle. */
const MAX_UPCASTS = 100

interface Read {
  readonly payload: unknown
  readonly manifest: string | undefined
  readonly isUpcast: boolean
}

/** @throws VALIDATION when there is nothing to publish with. */
export function deliverTo(options: PublisherOptions, codec: Codec): Deliver<PublisherItem> {
  const { publish, transport, name } = options
  const upcasts = upcastsOf(options.upcast ?? {})
  if ((publish === undefined) === (transport === undefined)) {
    throw validationError('publish', 'or transport is required, and not both')
  }
  if (transport !== undefined) {
    return toTransport(transport, name, codec, upcasts)
  }
  if (typeof publish !== 'function') throw validationError('publish', 'must be a function')
  return ({ event, attempt }, context) => {
    return whenDone(publish(published(event, read(event, codec, upcasts), attempt), context))
  }
}

function toTransport(
  transport: Transport, target: string, codec: Codec, upcasts: ReadonlyMap<string, Upcast>,
): Deliver<PublisherItem> {
  return throughTransport(transport, ({ event, attempt }, { claimToken }) => {
    const { manifest } = event
    const mustRead = manifest !== undefined && upcasts.has(manifest)
    const newest: Read = mustRead ? read(event, codec, upcasts) : { payload: undefined, manifest, isUpcast: false }
    return {
      id: event.id, scope: event.scope, lane: JOURNAL_LANE, target, type: event.type, key: event.stream,
      headers: headersOf(event, newest.manifest),
      payload: newest.isUpcast ? codec.encode(newest.payload) : event.payload,
      contentType: event.contentType, createdAt: event.createdAt, attempt, claimToken,
    }
  })
}

function headersOf({ headers, stream, sequence }: JournalEvent, manifest: string | undefined): Record<string, string> {
  return {
    ...headers,
    [STREAM_HEADER]: stream, [SEQUENCE_HEADER]: String(sequence),
    ...(manifest !== undefined && { [MANIFEST_HEADER]: manifest }),
  }
}

function published(event: JournalEvent, { payload, manifest }: Read, attempt: number): PublishedEvent {
  return {
    id: event.id, position: event.position, scope: event.scope, stream: event.stream, sequence: event.sequence,
    type: event.type, manifest, payload, bytes: event.payload, contentType: event.contentType, tags: event.tags,
    headers: event.headers, writerId: event.writerId, createdAt: event.createdAt, attempt,
  }
}

/** What cannot be read or brought up to date now can be by no later try of the same program. */
function read(event: JournalEvent, codec: Codec, upcasts: ReadonlyMap<string, Upcast>): Read {
  if (event.contentType !== codec.contentType) {
    return { payload: event.payload, manifest: event.manifest, isUpcast: false }
  }
  let payload = decodePayload(codec, event.payload)
  let { manifest } = event
  let steps = 0
  for (let upcast = find(upcasts, manifest); upcast !== undefined; upcast = find(upcasts, manifest)) {
    steps += 1
    if (steps > MAX_UPCASTS) throw permanentError(`upcasts of manifest '${event.manifest}' go in a circle`)
    const next = apply(upcast, payload, event)
    payload = next.payload
    manifest = next.manifest
  }
  return { payload, manifest, isUpcast: steps > 0 }
}

function find(upcasts: ReadonlyMap<string, Upcast>, manifest: string | undefined): Upcast | undefined {
  return manifest === undefined ? undefined : upcasts.get(manifest)
}

function apply(upcast: Upcast, payload: unknown, event: JournalEvent): ReturnType<Upcast> {
  try {
    const next = upcast(payload, event)
    if (typeof next?.manifest === 'string') return next
  } catch (cause) {
    if (isWaybillError(cause)) throw cause
    throw permanentError(`upcasting manifest '${event.manifest}' failed`, { cause })
  }
  throw permanentError(`the upcast of manifest '${event.manifest}' answers no { manifest, payload }`)
}

/** A copy in a map: manifests come from stored rows, so `constructor` must not find anything. */
function upcastsOf(upcasts: Readonly<Record<string, Upcast>>): ReadonlyMap<string, Upcast> {
  return new Map(Object.entries(upcasts).map(([manifest, upcast]) => {
    if (typeof upcast !== 'function') throw validationError(`upcast['${manifest}']`, 'must be a function')
    return [assertName('upcast manifest', manifest, MAX_NAME_BYTES), upcast]
  }))
}
