/** The processes of the feeds' run: producers, the processes of each subscriber, and receivers. */
import { FaultFleet, type FleetOptions, type Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import type { RunEvent } from './history/events.js'
import { PROCESSES_OF_A_ROLE, PRODUCERS, RECEIVERS, ROLES } from './plan.js'
import type { SubscriberSettings } from './subscriber.js'

const SUBSCRIBER = new URL('./subscriber.js', import.meta.url)

export class Fleet extends FaultFleet<RunEvent> {
  readonly subscribers: readonly Slot[]
  /** Of them, those that take snapshots. */
  readonly takers: readonly Slot[]

  constructor(options: FleetOptions) {
    super(options, {
      producer: new URL('./producer.js', import.meta.url), producers: PRODUCERS, receivers: RECEIVERS, noun: 'effect',
    })
    // Subscribers lose replies to COMMIT, too: those of taking over.
    const place = options.stage.unreliable
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

/** Those that are their subscriber now: the others come to few points. */
export function activeOf(slots: readonly Slot[]): readonly Slot[] {
  const active = slots.filter(({ process }) => process.count('active') > 0)
  return active.length > 0 ? active : slots
}
