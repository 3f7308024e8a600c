/** What a relay can be told. */
import { newConsumer } from '../core/environment.js'
import { validationError } from '../core/errors.js'
import { MAX_LEASE_MS, MAX_NAME_BYTES } from '../core/limits.js'
import { scopeId, type ScopeId } from '../core/scope.js'
import type { Transport } from '../core/transport.js'
import { assertDuration, assertName } from '../core/validate.js'
import type { RunnerLogger } from '../runner/log.js'
import type { Meter } from '../runner/meter.js'
import type { RunnerOptions } from '../runner/options.js'
import type { DeliverContext } from '../runner/source.js'
import type {
  DeliveredMessage, EventDefinitions, EventNameOfTarget, EventOutput, HandlerMessage,
} from './events.js'
import type { FailureHeap } from './heap-notes.js'
import { DEFAULT_LANE } from './message.js'

/** What a handler gets beside the message. */
export type HandlerContext = DeliverContext

/**
 * Has delivered when it returns, or when its promise resolves. What it throws decides what happens next:
 * `permanentError`, `throttledError`, or anything else for a retry with backoff.
 */
export type Handler<Message> = (message: Message, context: HandlerContext) => unknown

/** Handlers by type. A message whose type has none becomes a dead letter `NO_ROUTE`. */
export type Routes<Events, Target extends string> =
  string extends keyof Events ? UntypedRoutes
    : [EventNameOfTarget<Events, Target>] extends [never] ? UntypedRoutes
      : { readonly [Name in EventNameOfTarget<Events, Target>]?:
        Handler<DeliveredMessage<Name, EventOutput<Events, Name>>> }

export type UntypedRoutes = Readonly<Record<string, Handler<DeliveredMessage>>>

export type TargetHandler<Events, Target extends string> =
  | Handler<HandlerMessage<Events, Target>>
  | Routes<Events, Target>

export type Handlers<Events, Targets extends string> = {
  readonly [Target in Targets]: TargetHandler<Events, Target>
}

export interface RelayCommonOptions extends Omit<RunnerOptions, 'wake'> {
  /** Default `default`. */
  readonly lane?: string | undefined
  /** Only these scopes. Default all. */
  readonly scopes?: readonly string[] | undefined
  /** Who claims, as `get` and `list` show it. Default `<host>:<process>:<random>`. */
  readonly consumer?: string | undefined
  /** How long a claim holds without renewal, so how long a crash delays it. At most a day, default 30 s. */
  readonly leaseMs?: number | undefined
  readonly logger?: RunnerLogger | undefined
  /** Counts and times the tries, by outcome and type: the `Meter` of `@opentelemetry/api`, or alike. Default none. */
  readonly meter?: Meter | undefined
  /**
   * Is told of every failure, and of every message that has left its queue, after the store has been. What it does,
   * or fails to do, changes no delivery; event `heapError` tells. Default none.
   */
  readonly heap?: FailureHeap | undefined
}

export interface HandlerOptions<
  Events extends EventDefinitions, Targets extends string,
> extends RelayCommonOptions {
  /** A handler per target, or handlers per target and type. Each target has its own runner. */
  readonly handlers: Handlers<Events, Targets>
  readonly target?: undefined
  readonly transport?: undefined
}

export interface TransportOptions extends RelayCommonOptions {
  readonly target: string
  /** Is not closed by the relay. */
  readonly transport: Transport
  readonly handlers?: undefined
}

export type RelayOptions<
  Events extends EventDefinitions = EventDefinitions, Targets extends string = string,
> = HandlerOptions<Events, Targets> | TransportOptions

export interface RelaySettings {
  readonly lane: string
  readonly scopes: readonly ScopeId[] | undefined
  readonly consumer: string
  readonly leaseMs: number
  readonly heap: FailureHeap | undefined
}

/** @throws VALIDATION naming the option. The runner checks its own. */
export function relaySettings(options: RelayCommonOptions): RelaySettings {
  if (options.scopes?.length === 0) throw validationError('scopes', 'must name a scope; leave it out for all')
  return {
    lane: assertName('lane', options.lane ?? DEFAULT_LANE, MAX_NAME_BYTES),
    scopes: options.scopes?.map(scopeId),
    consumer: assertName('consumer', options.consumer ?? newConsumer(), MAX_NAME_BYTES),
    leaseMs: assertDuration('leaseMs', options.leaseMs ?? 30_000, 1, MAX_LEASE_MS),
    heap: options.heap === undefined ? undefined : assertHeap(options.heap),
  }
}

function assertHeap(heap: FailureHeap): FailureHeap {
  for (const method of ['recordFailure', 'recordSuccess'] as const) {
    if (typeof heap?.[method] !== 'function') throw validationError('heap', `has no ${method} function`)
  }
  return heap
}
