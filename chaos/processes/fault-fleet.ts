/**
 * The processes that runs of every kind have: producers, which commit, and receivers, which get what was carried. Who
 * carries it is the run's own.
 */
import { now, type TimedEvent } from '../history/journal.js'
import { remainsOf } from '../history/remains.js'
import type { ReceiverSettings } from '../receiver/receiver.js'
import type { Place } from '../stage/place.js'
import type { Stage } from '../stage/stage.js'
import { Crew, seedOf, type CrewOptions } from './crew.js'
import type { ProducerSettings } from './producing.js'
import type { Slot } from './slot.js'

const RECEIVER = new URL('../receiver/receiver.js', import.meta.url)

/** What a process is told beside what every one is. */
export type Own<Settings> = Omit<Settings, 'name' | 'folder' | 'clockOffsetMs'>

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
  readonly seed: number
  /** Of what is produced, of all producers together. */
  readonly perSecond: number
}

interface Trades {
  readonly producer: URL
  readonly producers: number
  readonly receivers: number
  readonly noun: ReceiverSettings['noun']
}

/** A transaction whose producer was killed before it said how it ended. */
interface UnknownEnd {
  readonly kind: 'unknown'
  readonly at: number
  readonly tx: string
}

export abstract class FaultFleet<Event extends TimedEvent> {
  readonly crew: Crew<Event | UnknownEnd>
  readonly producers: readonly Slot[]
  readonly receivers: readonly Slot[]
  /** Where the receivers listen, once they have started. */
  protected ports: number[] = []
  /** What killed producers had committed. */
  protected producedByKilled = 0

  constructor({ stage, seed, perSecond, ...options }: FleetOptions, trades: Trades) {
    this.crew = new Crew(options)
    this.producers = this.crew.add({
      letter: 'p', count: trades.producers, entry: trades.producer,
      settings: (name): Own<ProducerSettings<Place>> => (
        { place: stage.unreliable, seed: seedOf(name, seed), perSecond: perSecond / trades.producers }),
      onKilled: (_death, journal) => this.#onProducerKilled(journal),
    })
    this.receivers = this.crew.add({
      letter: 's', count: trades.receivers, entry: RECEIVER,
      settings: (): Own<ReceiverSettings> => ({ noun: trades.noun }),
    })
  }

  /** Those that stand between producers and receivers. */
  protected abstract get carriers(): readonly Slot[]

  async start(): Promise<void> {
    await this.crew.start(this.receivers)
    const ports = await Promise.all(this.receivers.map(({ process }) => process.ready))
    this.ports = ports.map((port) => port ?? 0)
    await this.crew.start([...this.carriers, ...this.producers])
  }

  /** Distinct things that were accepted, or refused as they are meant to be. */
  get known(): number {
    return this.receivers.reduce((sum, { process }) => sum + process.count('distinct'), 0)
  }

  #onProducerKilled(journal: string): void {
    const { open, committed } = remainsOf(journal)
    this.producedByKilled += committed
    const ended = now()
    for (const tx of open) this.crew.journal.write({ kind: 'unknown', at: ended, tx })
  }
}
