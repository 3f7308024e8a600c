/**
 * A publisher's progress store that writes down what it was answered and what it wrote, and reaches the kill points on
 * the way. What is asked bears the time before it was sent, what is answered the time when the answer was here.
 */
import type { ProgressStore, SaveRequest } from 'waybill'
import { now as machineNow, type EventSink } from '../history/journal.js'
import type { KillPoints } from '../processes/kill-points.js'
import type { OwnerEvent } from './history/events.js'
import type { KillPoint } from './plan.js'

/** How a call is made: as it is, or watched. */
export type Watch = <T>(what: string, call: () => Promise<T>) => Promise<T>

export interface RecordingPorts {
  readonly journal: EventSink<OwnerEvent>
  readonly points: KillPoints<KillPoint>
  readonly watch?: Watch | undefined
  /** Default the machine's. */
  readonly now?: (() => number) | undefined
}

export function recordingProgress(store: ProgressStore, owner: string, ports: RecordingPorts): ProgressStore {
  const { journal, points, watch = (_what, call) => call(), now = machineNow } = ports
  return {
    ...forwardingProgress(store),
    async take(request) {
      const askedAt = now()
      const state = await watch('take', () => store.take(request))
      const parts = state.parts.map(({ part, term, slots, owner: by }) => (
        { part, term: Number(term), slots: slots.toString(16), owner: by }))
      journal.write({ kind: 'taken', at: now(), askedAt, owner, parts })
      points.reach('after-take')
      return state
    },
    async save(request) {
      points.reach('before-save')
      const askedAt = now()
      const answers = await watch('save', () => store.save(request))
      writeSaves(journal, owner, request, answers, askedAt)
      points.reach('after-save')
      return answers
    },
    give(request) {
      journal.write({ kind: 'gave', at: now(), owner, part: request.part })
      return watch('give', () => store.give(request))
    },
    leave(request) {
      journal.write({ kind: 'gave', at: now(), owner })
      return watch('leave', () => store.leave(request))
    },
  }
}

function writeSaves(
  journal: EventSink<OwnerEvent>, owner: string, { parts }: SaveRequest, answers: readonly boolean[], at: number,
): void {
  parts.forEach(({ part, term }, index) => {
    journal.write({ kind: 'saved', at, owner, part, term: Number(term), isWritten: answers[index] === true })
  })
}

/** The store as it is, as an object of functions. */
export function forwardingProgress(store: ProgressStore): ProgressStore {
  return {
    look: (publisher) => store.look(publisher),
    take: (request) => store.take(request),
    save: (request) => store.save(request),
    give: (request) => store.give(request),
    join: (request) => store.join(request),
    leave: (request) => store.leave(request),
    holds: (request) => store.holds(request),
    list: (request) => store.list(request),
    rebase: (request) => store.rebase(request),
    rewind: (request) => store.rewind(request),
    forget: (publisher) => store.forget(publisher),
    deadLetters: (request) => store.deadLetters(request),
    purgeDead: (request) => store.purgeDead(request),
    resolveDead: (request) => store.resolveDead(request),
    close: () => store.close(),
  }
}
