/**
 * A subscriber's checkpoint store that writes down what it was answered and what it wrote, reaches the kill points on
 * the way, and loses the answer to a save when it is told to. What is asked bears the time before it was sent, what is
 * answered the time when the answer was here.
 */
import { WaybillError, type Checkpoint, type CheckpointStore } from 'waybill'
import { now as machineNow, type EventSink } from '../history/journal.js'
import type { KillPoints } from '../processes/kill-points.js'
import type { OwnerEvent, StoredPlace } from './history/events.js'
import type { SubscriberPoint } from './plan.js'

/** How a call is made: as it is, or watched. */
export type Watch = <T>(what: string, call: () => Promise<T>) => Promise<T>

export interface RecordingPorts {
  readonly journal: EventSink<OwnerEvent>
  readonly points: KillPoints<SubscriberPoint>
  readonly watch?: Watch | undefined
  /** True when the answer to this save is to be lost. */
  readonly losesAnswer?: (() => boolean) | undefined
  /** Default the machine's. */
  readonly now?: (() => number) | undefined
}

export function recordingCheckpoints(store: CheckpointStore, owner: string, ports: RecordingPorts): CheckpointStore {
  const { journal, points, watch = (_what, call) => call(), losesAnswer = () => false, now = machineNow } = ports
  return {
    ...forwardingCheckpoints(store),
    async take(request) {
      const { subscriber } = request
      const askedAt = now()
      const state = await watch('take', () => store.take(request))
      const term = state === undefined ? undefined : Number(state.term)
      journal.write({
        kind: 'taken', at: now(), askedAt, owner, subscriber, term, checkpoints: placesOf(state?.checkpoints ?? []),
      })
      if (state !== undefined) points.reach('after-take')
      return state
    },
    async save(request) {
      points.reach('before-save')
      const { subscriber, term } = request
      const at = now()
      const isWritten = await watch('save', () => store.save(request))
      journal.write({
        kind: 'saved', at, owner, subscriber, term: Number(term), isWritten, checkpoints: placesOf(request.checkpoints),
      })
      points.reach('after-save')
      if (losesAnswer()) throw new WaybillError('STORE_FAILED', 'the answer was lost', { retryable: true })
      return isWritten
    },
    release(request) {
      journal.write({ kind: 'gave', at: now(), owner, subscriber: request.subscriber })
      return watch('release', () => store.release(request))
    },
  }
}

export function placesOf(checkpoints: readonly Checkpoint[]): StoredPlace[] {
  return checkpoints.map(({ feed, incarnation, sequence }) => ({ feed, incarnation, sequence: Number(sequence) }))
}

/** The store as it is, as an object of functions. */
export function forwardingCheckpoints(store: CheckpointStore): CheckpointStore {
  return {
    capabilities: store.capabilities,
    take: (request) => store.take(request),
    save: (request) => store.save(request),
    release: (request) => store.release(request),
    list: (request) => store.list(request),
    deadLetters: (request) => store.deadLetters(request),
    discard: (request) => store.discard(request),
    purgeDead: (request) => store.purgeDead(request),
    forget: (subscriber, feed) => store.forget(subscriber, feed),
    close: () => store.close(),
  }
}
