/** The type of `waybill.config.ts`: what the program `waybill` works on, and the relays that it runs. */
import type { Codec } from './core/codec.js'
import type { EventDefinitions } from './outbox/events.js'
import type { LaneDeclarations } from './outbox/lanes.js'
import type { DEFAULT_TARGET } from './outbox/message.js'
import type {
  RelayCommonOptions, RelayOptions, TargetHandler, TransportOptions,
} from './outbox/relay-options.js'
import type { Store } from './store.js'

export interface WaybillConfig<Events extends EventDefinitions = EventDefinitions> {
  /** `postgres://…`, or `sqlite:` and a path, which is relative to the file of this configuration. */
  readonly url?: string | undefined
  /** Instead of a URL: a store made by hand, with all its options. The program closes it. */
  readonly store?: Store | undefined
  /** The PostgreSQL schema, with `url`. Default `waybill`. */
  readonly schema?: string | undefined
  readonly events?: Events | undefined
  /** Lanes whose messages are ordered per key; `waybill migrate` stores them. */
  readonly lanes?: LaneDeclarations | undefined
  /** How payloads are read. Default JSON. */
  readonly codec?: Codec | undefined
  /** What `waybill relay` starts, all in one process. */
  readonly relays?: readonly ConfigRelay<Events>[] | undefined
}

type TargetsOf<Events> = {
  [Name in keyof Events]: Events[Name] extends { readonly target: infer Target extends string } ? Target
    : typeof DEFAULT_TARGET
}[keyof Events]

/** Options of `waybill.relay`, the handlers typed by the events that go to their target. */
export type ConfigRelay<Events extends EventDefinitions> = string extends keyof Events
  ? RelayOptions<EventDefinitions>
  : TransportOptions | (RelayCommonOptions & {
    readonly handlers: { readonly [Target in TargetsOf<Events>]?: TargetHandler<Events, Target> }
  })

/**
 * Returns what it is given; it is there for the types.
 * @example
 * export const config = defineConfig({
 *   url: 'sqlite:shop.db',
 *   relays: [{ handlers: { mailer: async (message) => sendMail(message.payload) } }],
 * })
 */
export function defineConfig<const Events extends EventDefinitions = EventDefinitions>(
  config: WaybillConfig<Events>,
): WaybillConfig<Events> {
  return config
}
