/** The processes of the feeds' run: producers, the processes of each subscriber, and receivers. */
import { now } from '../history/journal.js'
import { remainsOf } from '../history/remains.js'
import { Crew, seedOf, type CrewOptions } from '../processes/crew.js'
import type { ProducerSettings } from '../processes/producing.js'
import type { Slot } from '../processes/slot.js'
import type { ReceiverSettings } from '../receiver/receiver.js'
import type { Stage } from '../stage/stage.js'
import type { RunEvent } from './history/events.js'
import { PROCESSES_OF_A_ROLE, PRODUCERS, RECEIVERS, ROLES } from './plan.js'
import type { SubscriberSettings } from './subscriber.js'

const PRODUCER = new URL('./producer.js', import.meta.url)
const SUBSCRIBER = new URL('./subscriber.js', import.meta.url)
const RECEIVER = new URL('../receiver/receiver.js', import.meta.url)

type Own<Settings> = Omit<Settings, 'name' | 'folder' | 'clockOffsetMs'>

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
  readonly seed: number
  /** Results, of all producers together. */
  readonly perSecond: number
}

export class Fleet {
  readonly crew: Crew<RunEvent>
  readonly producers: readonly Slot[]
  readonly subscribers: readonly Slot[]
  /** Of them, those that take snapshots. */
  readonly takers: readonly Slot[]
  readonly receivers: readonly Slot[]
  #ports: number[] = []

  constructor({ stage, seed, perSecond, ...options }: FleetOptions) {
    this.crew = new Crew(options)
    // Both lose replies to COMMIT: a subscriber's are those of taking over.
    const place = stage.unreliable
    this.producers = this.crew.add({
      letter: 'p', count: PRODUCERS, entry: PRODUCER,
      settings: (name): Own<ProducerSettings> => (
        { place, seed: seedOf(name, seed), perSecond: perSecond / PRODUCERS }),
      onKilled: (_death, journal) => this.#onProducerKilled(journal),
    })
    const roles = Object.entries(ROLES).map(([subscriber, { letter, recovery }]) => ({
      recovery,
      slots: this.crew.add({
        letter, count: PROCESSES_OF_A_ROLE, entry: SUBSCRIBER,
        settings: (): Own<SubscriberSettings> => ({ place, subscriber, receivers: this.#ports }),
      }),
    }))
    this.subscribers = roles.flatMap(({ slots }) => slots)
    this.takers = roles.filter(({ recovery }) => recovery === 'auto_reset').flatMap(({ slots }) => slots)
    this.receivers = this.crew.add({
      letter: 's', count: RECEIVERS, entry: RECEIVER, settings: (): Own<ReceiverSettings> => ({ noun: 'effect' }),
    })
  }

  async start(): Promise<void> {
    await this.crew.start(this.receivers)
    const ports = await Promise.all(this.receivers.map(({ process }) => process.ready))
    this.#ports = ports.map((port) => port ?? 0)
    await this.crew.start([...this.subscribers, ...this.producers])
  }

  /** Distinct side effects. */
  get known(): number {
    return this.receivers.reduce((sum, { process }) => sum + process.count('distinct'), 0)
  }

  #onProducerKilled(journal: string): void {
    const ended = now()
    for (const tx of remainsOf(journal).open) this.crew.journal.write({ kind: 'unknown', at: ended, tx })
  }
}

/** Those that are their subscriber now: the others come to few points. */
export function activeOf(slots: readonly Slot[]): readonly Slot[] {
  const active = slots.filter(({ process }) => process.count('active') > 0)
  return active.length > 0 ? active : slots
}
