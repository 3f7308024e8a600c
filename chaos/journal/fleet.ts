/** The processes of the journal's run: producers, publishers of one name, and receivers. */
import { FaultFleet, type FleetOptions, type Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import type { RunEvent } from './history/events.js'
import { PRODUCERS, PUBLISHERS, RECEIVERS } from './plan.js'
import type { PublisherSettings } from './publisher.js'

export class Fleet extends FaultFleet<RunEvent> {
  readonly publishers: readonly Slot[]

  constructor(options: FleetOptions) {
    super(options, {
      producer: new URL('./producer.js', import.meta.url), producers: PRODUCERS, receivers: RECEIVERS, noun: 'event',
    })
    this.publishers = this.crew.add({
      letter: 'w', count: PUBLISHERS, entry: new URL('./publisher.js', import.meta.url),
      // Publishers lose replies to COMMIT, too: those of taking and giving.
      settings: (): Own<PublisherSettings> => ({ place: options.stage.unreliable, receivers: this.ports }),
    })
  }

  protected override get carriers(): readonly Slot[] {
    return this.publishers
  }
}
