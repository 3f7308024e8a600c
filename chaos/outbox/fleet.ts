/** The processes of the outbox's run: producers, relays and receivers. */
import type { HistoryEvent } from 'waybill/testkit'
import { now } from '../history/journal.js'
import { remainsOf } from '../history/remains.js'
import { Crew, seedOf, type CrewOptions } from '../processes/crew.js'
import type { Slot } from '../processes/slot.js'
import type { ReceiverSettings } from '../receiver/receiver.js'
import type { Stage } from '../stage/stage.js'
import { PRODUCERS, RECEIVERS, RELAYS } from './plan.js'
import type { ProducerSettings } from '../processes/producing.js'
import type { RelaySettings } from './relay.js'

const PRODUCER = new URL('./producer.js', import.meta.url)
const RELAY = new URL('./relay.js', import.meta.url)
const RECEIVER = new URL('../receiver/receiver.js', import.meta.url)

type Own<Settings> = Omit<Settings, 'name' | 'folder' | 'clockOffsetMs'>

export interface FleetOptions extends CrewOptions {
  readonly stage: Stage
  readonly seed: number
  /** Messages, of all producers together. */
  readonly perSecond: number
}

export class Fleet {
  readonly crew: Crew<HistoryEvent>
  readonly producers: readonly Slot[]
  readonly relays: readonly Slot[]
  readonly receivers: readonly Slot[]
  /** Messages that killed producers had committed. */
  #producedByKilled = 0
  #ports: number[] = []

  constructor({ stage, seed, perSecond, ...options }: FleetOptions) {
    this.crew = new Crew(options)
    this.producers = this.crew.add({
      letter: 'p', count: PRODUCERS, entry: PRODUCER,
      settings: (name): Own<ProducerSettings> => (
        { place: stage.unreliable, seed: seedOf(name, seed), perSecond: perSecond / PRODUCERS }),
      onKilled: (_death, journal) => this.#onProducerKilled(journal),
    })
    this.relays = this.crew.add({
      letter: 'r', count: RELAYS, entry: RELAY,
      settings: (): Own<RelaySettings> => ({ place: stage.direct, receivers: this.#ports }),
    })
    this.receivers = this.crew.add({
      letter: 's', count: RECEIVERS, entry: RECEIVER, settings: (): Own<ReceiverSettings> => ({ noun: 'message' }),
    })
  }

  async start(): Promise<void> {
    await this.crew.start(this.receivers)
    const ports = await Promise.all(this.receivers.map(({ process }) => process.ready))
    this.#ports = ports.map((port) => port ?? 0)
    await this.crew.start([...this.relays, ...this.producers])
  }

  async stopTheRest(): Promise<void> {
    await this.crew.stop(this.relays)
    await this.crew.stop(this.receivers)
  }

  /** Messages that were committed, as far as it is known here. */
  get produced(): number {
    return this.producers.reduce((sum, { process }) => sum + process.count('messages'), this.#producedByKilled)
  }

  #onProducerKilled(journal: string): void {
    const { open, committed } = remainsOf(journal)
    this.#producedByKilled += committed
    const ended = now()
    for (const tx of open) this.crew.journal.write({ kind: 'unknown', at: ended, tx })
  }
}
