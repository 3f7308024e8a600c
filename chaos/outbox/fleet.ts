/** The processes of the outbox's run: producers, relays and receivers. */
import type { HistoryEvent } from 'waybill/testkit'
import { FaultFleet, type FleetOptions, type Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import { PRODUCERS, RECEIVERS, RELAYS } from './plan.js'
import type { RelaySettings } from './relay.js'

export class Fleet extends FaultFleet<HistoryEvent> {
  readonly relays: readonly Slot[]

  constructor(options: FleetOptions) {
    super(options, {
      producer: new URL('./producer.js', import.meta.url), producers: PRODUCERS, receivers: RECEIVERS, noun: 'message',
    })
    this.relays = this.crew.add({
      letter: 'r', count: RELAYS, entry: new URL('./relay.js', import.meta.url),
      settings: (): Own<RelaySettings> => ({ place: options.stage.direct, receivers: this.ports }),
    })
  }

  protected override get carriers(): readonly Slot[] {
    return this.relays
  }

  async stopTheRest(): Promise<void> {
    await this.crew.stop(this.relays)
    await this.crew.stop(this.receivers)
  }

  /** Messages that were committed, as far as it is known here. */
  get produced(): number {
    return this.producers.reduce((sum, { process }) => sum + process.count('messages'), this.producedByKilled)
  }
}
