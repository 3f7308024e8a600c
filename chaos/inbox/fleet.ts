/** The processes of the inbox's run: consumers of one name. */
import { now } from '../history/journal.js'
import { Crew, seedOf, type CrewOptions } from '../processes/crew.js'
import type { Own } from '../processes/fault-fleet.js'
import type { Slot } from '../processes/slot.js'
import type { Stage } from '../stage/stage.js'
import type { ConsumerSettings } from './consumer.js'
import type { InboxEvent } from './events.js'
import { CONSUMERS } from './plan.js'

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
  readonly seed: number
  /** Of messages. */
  readonly perSecond: number
  readonly messages: number
}

/** Until the first is due: processes take their time to start. */
const START_MS = 1_000

export class Fleet {
  readonly crew: Crew<InboxEvent>
  readonly consumers: readonly Slot[]
  #startsAt = 0

  constructor({ stage, seed, perSecond, messages, ...options }: FleetOptions) {
    this.crew = new Crew(options)
    this.consumers = Array.from({ length: CONSUMERS }, (_, index) => this.crew.add({
      letter: `c${index}-`, count: 1, entry: new URL('./consumer.js', import.meta.url),
      settings: (name): Own<ConsumerSettings> => ({
        place: stage.unreliable, seed: seedOf(name, seed), index, startsAt: this.#startsAt, perSecond, messages,
      }),
    })).flat()
  }

  async start(): Promise<void> {
    this.#startsAt = now() + START_MS
    await this.crew.start(this.consumers)
  }

  /** Everything was acknowledged as often as it is delivered. */
  get isFinished(): boolean {
    return this.consumers.every(({ process }) => process.count('finished') === 1)
  }

  sum(name: string): number {
    return this.consumers.reduce((all, { process }) => all + process.count(name), 0)
  }
}
