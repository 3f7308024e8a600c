/**
 * Event definitions: the types an application sends, each with the schema of its payload and where it
 * goes. They type `enqueue` and the handlers, and are checked at both ends: what does not match its
 * schema is refused at enqueue and is a dead letter at delivery.
 *
 * A schema that transforms has an input and an output. The input is what `enqueue` takes and what is
 * stored; the output is what `key()` and handlers receive. So a schema must accept its input once more
 * after the codec wrote and read it: take dates as strings, not as `Date`.
 */
import { validationError } from '../core/errors.js'
import { MAX_ATTEMPTS, MAX_NAME_BYTES } from '../core/limits.js'
import type { ScopeId } from '../core/scope.js'
import {
  parseSchema, parseSchemaSync, type SchemaInput, type SchemaOutput, type StandardSchema,
} from '../core/standard-schema.js'
import { assertInteger, assertName } from '../core/validate.js'
import { checkStrategy, keyed, type DerivedKey, type IdempotencyStrategy } from './idempotency.js'
import type { DEFAULT_TARGET, OutboxMessageDraft } from './message.js'

export interface EventDefinition<Schema extends StandardSchema = StandardSchema> {
  /** Any Standard Schema: zod, valibot, arktype and others. */
  readonly schema: Schema
  /** Default `default`. */
  readonly lane?: string | undefined
  /** Default `default`. */
  readonly target?: string | undefined
  /** The order key, made from the parsed payload. */
  readonly key?: ((payload: SchemaOutput<Schema>) => string) | undefined
  /** Default 20. */
  readonly maxAttempts?: number | undefined
  /** Where the dedupe key comes from; `derived` gets the draft with the parsed payload. Default the outbox's. */
  readonly idempotency?: IdempotencyStrategy<SchemaOutput<Schema>> | undefined
}

/** Any event definitions. `never`, so that a key function of any payload fits. */
export type EventDefinitions = Readonly<Record<string, Omit<EventDefinition, 'key' | 'idempotency'> & {
  readonly key?: ((payload: never) => string) | undefined
  readonly idempotency?: IdempotencyStrategy<never> | undefined
}>>

export type EventName<Events> = keyof Events & string

/** What `enqueue` takes for an event. */
export type EventInput<Events, Name extends keyof Events> =
  Events[Name] extends { readonly schema: infer Schema } ? SchemaInput<Schema> : never

/** What handlers receive for an event. */
export type EventOutput<Events, Name extends keyof Events> =
  Events[Name] extends { readonly schema: infer Schema } ? SchemaOutput<Schema> : never

type TargetOf<Definition> =
  Definition extends { readonly target: infer Target extends string } ? Target : typeof DEFAULT_TARGET

/** The names of the events that go to `Target`; an event whose target is a mere `string` may go to any. */
export type EventNameOfTarget<Events, Target extends string> = {
  [Name in EventName<Events>]: Target extends TargetOf<Events[Name]> ? Name : never
}[EventName<Events>]

/** What a handler receives. */
export interface DeliveredMessage<Type extends string = string, Payload = unknown> {
  readonly id: string
  readonly type: Type
  /**
   * Decoded and, where the type has a definition, the output of its schema. The bytes as they are when
   * the content type is not the codec's.
   */
  readonly payload: Payload
  readonly lane: string
  readonly target: string
  readonly key: string | undefined
  /** As it was enqueued, or made by the outbox's strategy. */
  readonly dedupeKey: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly scope: ScopeId
  /** 1 for the first try. */
  readonly attempt: number
  readonly maxAttempts: number
  /** Milliseconds by the store's clock. */
  readonly createdAt: number
  /** The payload as it was enqueued. */
  readonly bytes: Uint8Array
  readonly contentType: string
}

/**
 * What the handler of `Target` receives: a union on `type` of the events that go there. Without any
 * known, the payload is unknown. Messages that were enqueued untyped come too, whatever their type;
 * handlers that are given by type (`Routes`) receive only their own.
 */
export type HandlerMessage<Events, Target extends string = string> =
  string extends keyof Events ? DeliveredMessage
    : [EventNameOfTarget<Events, Target>] extends [never] ? DeliveredMessage
      : { [Name in EventNameOfTarget<Events, Target>]: DeliveredMessage<Name, EventOutput<Events, Name>> }[
        EventNameOfTarget<Events, Target>]

/** What `enqueue` takes beside an event and its payload; as in `OutboxMessageDraft`. */
export type EventOptions = Pick<
  OutboxMessageDraft, 'key' | 'headers' | 'dedupeKey' | 'delayMs' | 'availableAt' | 'maxAttempts' | 'scope'
>

/** A strategy of the event's own that makes the key leaves none to give. */
export type OptionsOf<Definition> =
  Definition extends { readonly idempotency: 'none' | 'uuid' | DerivedKey<never> } ? Omit<EventOptions, 'dedupeKey'>
    : EventOptions

/** The part of a definition that inference keeps literally; the schemas are inferred beside it, for `key`. */
interface InferredDefinition {
  readonly schema: StandardSchema
  readonly target?: string | undefined
  readonly idempotency?: 'provided' | 'none' | 'uuid' | object | undefined
}

/**
 * @throws VALIDATION naming the event and the field.
 * @example
 * const events = defineEvents({
 *   'order.placed': { schema: z.object({ id: z.string() }), target: 'mailer', key: (order) => order.id },
 * })
 */
export function defineEvents<
  Schemas extends Readonly<Record<string, StandardSchema>>,
  const Events extends Readonly<Record<string, InferredDefinition>>,
>(events: { readonly [Name in keyof Schemas]: EventDefinition<Schemas[Name]> } & Events): Events {
  const checked = Object.entries<EventDefinition>(events).map(([name, definition]) =>
    [assertName('event', name, MAX_NAME_BYTES), checkDefinition(`events['${name}']`, definition)])
  return Object.freeze(Object.fromEntries(checked))
}

const FIELDS = ['schema', 'lane', 'target', 'key', 'maxAttempts', 'idempotency']

function checkDefinition(at: string, definition: EventDefinition): EventDefinition {
  if (typeof definition?.schema?.['~standard']?.validate !== 'function') {
    throw validationError(`${at}.schema`, 'must be a Standard Schema (zod, valibot, arktype, …)')
  }
  // Literal inference lets an unknown field through the compiler.
  const unknown = Object.keys(definition).find((field) => !FIELDS.includes(field))
  if (unknown !== undefined) throw validationError(`${at}.${unknown}`, `is not one of ${FIELDS.join(', ')}`)
  const { lane, target, key, maxAttempts, idempotency } = definition
  if (lane !== undefined) assertName(`${at}.lane`, lane, MAX_NAME_BYTES)
  if (target !== undefined) assertName(`${at}.target`, target, MAX_NAME_BYTES)
  if (key !== undefined && typeof key !== 'function') throw validationError(`${at}.key`, 'must be a function')
  if (maxAttempts !== undefined) assertInteger(`${at}.maxAttempts`, maxAttempts, 1, MAX_ATTEMPTS)
  if (idempotency !== undefined) checkStrategy(`${at}.idempotency`, idempotency)
  return Object.freeze({ ...definition })
}

/** Undefined when there is none. Types come from stored rows, so `constructor` must not find anything. */
export function definitionOf(events: EventDefinitions, type: string): EventDefinition | undefined {
  return Object.hasOwn(events, type) ? events[type] as EventDefinition | undefined : undefined
}

/**
 * The draft of one event: its payload as given, checked by its schema, with its dedupe key; `fallback` is for events
 * without a strategy of their own.
 * @throws VALIDATION when the type is not defined, the payload does not match, or no key can be derived.
 */
export async function draftOf<Events extends EventDefinitions, Name extends EventName<Events>>(
  events: Events, type: Name, payload: EventInput<Events, Name>, options: EventOptions = {},
  fallback: IdempotencyStrategy = 'provided',
): Promise<OutboxMessageDraft> {
  const definition = mustBeDefined(events, type)
  const parsed = await parseSchema(definition.schema, payload)
  return keyedDraft(definition, draft(definition, type, payload, parsed, options), parsed, fallback)
}

/** As `draftOf`, at once. @throws ASYNC_SCHEMA when the schema answers with a promise. */
export function draftOfSync<Events extends EventDefinitions, Name extends EventName<Events>>(
  events: Events, type: Name, payload: EventInput<Events, Name>, options: EventOptions = {},
  fallback: IdempotencyStrategy = 'provided',
): OutboxMessageDraft {
  const definition = mustBeDefined(events, type)
  const parsed = parseSchemaSync(definition.schema, payload)
  return keyedDraft(definition, draft(definition, type, payload, parsed, options), parsed, fallback)
}

function mustBeDefined(events: EventDefinitions, type: string): EventDefinition {
  const definition = definitionOf(events, type)
  if (definition === undefined) throw validationError('type', `'${type}' is not a defined event`)
  return definition
}

function draft(
  definition: EventDefinition, type: string, payload: unknown, parsed: unknown, options: EventOptions,
): OutboxMessageDraft {
  const { key, headers, dedupeKey, delayMs, availableAt, maxAttempts, scope } = options
  return {
    type, payload, headers, dedupeKey, delayMs, availableAt, scope,
    lane: definition.lane,
    target: definition.target,
    key: key ?? definition.key?.(parsed),
    maxAttempts: maxAttempts ?? definition.maxAttempts,
  }
}

function keyedDraft(
  { idempotency }: EventDefinition, plain: OutboxMessageDraft, parsed: unknown, fallback: IdempotencyStrategy,
): OutboxMessageDraft {
  if (idempotency === undefined) return keyed(plain, fallback)
  return { ...keyed({ ...plain, payload: parsed }, idempotency), payload: plain.payload }
}
