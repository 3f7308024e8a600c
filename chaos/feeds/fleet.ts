/** The processes of the feeds' run: producers, the processes of each subscriber, and receivers. */
import { FaultFleet, type FleetOptions, type Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import type { RunEvent } from './history/events.js'
import { PROCESSES_OF_A_ROLE, PRODUCERS, RECEIVERS, ROLES } from './plan.js'
import type { SubscriberSettings } from './subscriber.js'

const PRODUCER = new URL('./producer.js', import.meta.url)
const SOLO_PRODUCER = new URL('./solo-producer.js', import.meta.url)
const SUBSCRIBER = new URL('./subscriber.js', import.meta.url)

export class Fleet extends FaultFleet<RunEvent> {
  readonly subscribers: readonly Slot[]
  /** Of them, those that take snapshots. */
  readonly takers: readonly Slot[]

  constructor(options: FleetOptions) {
    const { store, unreliable, direct } = options.stage
    super(options, {
      producer: store === 'redis' ? SOLO_PRODUCER : PRODUCER, producers: PRODUCERS, receivers: RECEIVERS,
      noun: 'effect',
    })
    // Subscribers lose replies to COMMIT, too: those of taking over. Where there is none, only producers lose any.
    const place = store === 'redis' ? direct : unreliable
    const roles = Object.entries(ROLES).map(([subscriber, { letter, recovery }]) => ({
      recovery,
      slots: this.crew.add({
        letter, count: PROCESSES_OF_A_ROLE, entry: SUBSCRIBER,
        settings: (): Own<SubscriberSettings> => ({ place, subscriber, receivers: this.ports }),
      }),
    }))
    this.subscribers = roles.flatMap(({ slots }) => slots)
    this.takers = roles.filter(({ recovery }) => recovery === 'auto_reset').flatMap(({ slots }) => slots)
  }

  protected override get carriers(): readonly Slot[] {
    return this.subscribers
  }
}

/** Those that are their subscriber just then: the others come to no point. */
export function activeOf(slots: readonly Slot[]): () => readonly Slot[] {
  return () => slots.filter(({ process }) => process.count('active') > 0)
}
