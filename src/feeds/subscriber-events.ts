/** What a subscriber tells beside what its runner does: who is it, and what has become of its feeds. */
import { validationError, type WaybillError } from '../core/errors.js'
import { quietly } from '../runner/quietly.js'
import type { RunnerEvents } from '../runner/report.js'
import type { GapReport } from './feed-recovery.js'
import type { AnyFeed } from './feed.js'

/** `delivered` and the like count batches where there is `onBatch`. */
export interface SubscriberEvents extends RunnerEvents {
  /** This process is the subscriber now. */
  readonly active: { readonly term: bigint }
  /** It is not any more; it goes on as one that waits. */
  readonly standby: { readonly term: bigint }
  readonly gap: GapReport
  /** Nothing more of this feed is delivered. */
  readonly failed: { readonly feed: AnyFeed; readonly error: WaybillError }
  /** One of the feeds cannot be read, and is tried again; the others go on. */
  readonly unreadable: { readonly feed: AnyFeed; readonly error: unknown }
}

export type SubscriberEventName = keyof SubscriberEvents

const OWN_NAMES = ['active', 'standby', 'gap', 'failed', 'unreadable'] as const
export type OwnEventName = (typeof OWN_NAMES)[number]

export function isOwnEvent(name: SubscriberEventName): name is OwnEventName {
  return OWN_NAMES.some((own) => own === name)
}

type Listener = (event: never) => unknown

/** A listener's failure is its own. */
export class SubscriberListeners {
  readonly #listeners = new Map<OwnEventName, Set<Listener>>()

  on<Name extends OwnEventName>(name: Name, listener: (event: SubscriberEvents[Name]) => unknown): () => void {
    if (typeof listener !== 'function') throw validationError('listener', 'must be a function')
    const own = (event: SubscriberEvents[Name]): unknown => listener(event)
    const those = this.#listeners.get(name) ?? new Set<Listener>()
    this.#listeners.set(name, those.add(own))
    return () => void those.delete(own)
  }

  emit<Name extends OwnEventName>(name: Name, event: SubscriberEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) quietly(() => listener(event as never))
  }
}
