/** The processes of the run with poison: relays, and processors of dead letters, anew for each part of it. */
import type { HistoryEvent } from 'waybill/testkit'
import { Crew, type CrewOptions } from '../processes/crew.js'
import type { Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import type { Stage } from '../stage/stage.js'
import { PROCESSORS, RELAYS, type Part } from './plan.js'
import type { ProcessorSettings } from './processor.js'
import type { RelaySettings } from './relay.js'

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
}

export interface Shift {
  readonly relays: readonly Slot[]
  readonly processors: readonly Slot[]
}

export class Fleet {
  readonly crew: Crew<HistoryEvent>
  readonly #stage: Stage
  #begins = false

  constructor({ stage, ...options }: FleetOptions) {
    this.#stage = stage
    this.crew = new Crew(options)
  }

  /** Ready, and waiting for `begin`. */
  async start(part: Part): Promise<Shift> {
    const place = this.#stage.direct
    this.#begins = false
    const relays = this.crew.add({
      letter: `${part}-r`, count: RELAYS, entry: new URL('./relay.js', import.meta.url),
      settings: (): Own<RelaySettings> => ({ place, begins: this.#begins }), mayDieOf: 'poison',
    })
    const processors = this.crew.add({
      letter: `${part}-d`, count: PROCESSORS, entry: new URL('./processor.js', import.meta.url),
      settings: (): Own<ProcessorSettings> => ({ place }),
    })
    await this.crew.start([...relays, ...processors])
    return { relays, processors }
  }

  begin({ relays }: Shift): void {
    this.#begins = true
    this.crew.tell(relays, { kind: 'go' })
  }

  async stop({ relays, processors }: Shift): Promise<void> {
    await this.crew.stop(relays)
    await this.crew.stop(processors)
  }
}
