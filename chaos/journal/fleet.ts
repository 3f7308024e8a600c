/** The processes of the journal's run: producers, publishers of one name, and receivers. */
import { now } from '../history/journal.js'
import { remainsOf } from '../history/remains.js'
import { Crew, seedOf, type CrewOptions } from '../processes/crew.js'
import type { Slot } from '../processes/slot.js'
import type { ReceiverSettings } from '../receiver/receiver.js'
import type { Stage } from '../stage/stage.js'
import type { RunEvent } from './history/events.js'
import { PRODUCERS, PUBLISHERS, RECEIVERS } from './plan.js'
import type { ProducerSettings } from '../processes/producing.js'
import type { PublisherSettings } from './publisher.js'

const PRODUCER = new URL('./producer.js', import.meta.url)
const PUBLISHER = new URL('./publisher.js', import.meta.url)
const RECEIVER = new URL('../receiver/receiver.js', import.meta.url)

type Own<Settings> = Omit<Settings, 'name' | 'folder' | 'clockOffsetMs'>

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
  readonly seed: number
  /** Events, of all producers together. */
  readonly perSecond: number
}

export class Fleet {
  readonly crew: Crew<RunEvent>
  readonly producers: readonly Slot[]
  readonly publishers: readonly Slot[]
  readonly receivers: readonly Slot[]
  #ports: number[] = []

  constructor({ stage, seed, perSecond, ...options }: FleetOptions) {
    this.crew = new Crew(options)
    // Both lose replies to COMMIT: a publisher's are those of taking and giving.
    const place = stage.unreliable
    this.producers = this.crew.add({
      letter: 'p', count: PRODUCERS, entry: PRODUCER,
      settings: (name): Own<ProducerSettings> => (
        { place, seed: seedOf(name, seed), perSecond: perSecond / PRODUCERS }),
      onKilled: (_death, journal) => this.#onProducerKilled(journal),
    })
    this.publishers = this.crew.add({
      letter: 'w', count: PUBLISHERS, entry: PUBLISHER,
      settings: (): Own<PublisherSettings> => ({ place, receivers: this.#ports }),
    })
    this.receivers = this.crew.add({
      letter: 's', count: RECEIVERS, entry: RECEIVER, settings: (): Own<ReceiverSettings> => ({ noun: 'event' }),
    })
  }

  async start(): Promise<void> {
    await this.crew.start(this.receivers)
    const ports = await Promise.all(this.receivers.map(({ process }) => process.ready))
    this.#ports = ports.map((port) => port ?? 0)
    await this.crew.start([...this.publishers, ...this.producers])
  }

  /** Distinct events that were accepted, or refused as they are meant to be. */
  get known(): number {
    return this.receivers.reduce((sum, { process }) => sum + process.count('distinct'), 0)
  }

  #onProducerKilled(journal: string): void {
    const ended = now()
    for (const tx of remainsOf(journal).open) this.crew.journal.write({ kind: 'unknown', at: ended, tx })
  }
}
