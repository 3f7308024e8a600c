/** The processes of a run: producers, relays and receivers, each in its slot, and what they wrote. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Journal, now } from '../history/journal.js'
import { readJournal } from '../history/merge.js'
import { ChaosProcess } from '../processes/chaos-process.js'
import type { Sample } from '../processes/child.js'
import { Slot, type Death } from '../processes/slot.js'
import { AFTERMATH_MS, PRODUCERS, RECEIVERS, RELAYS } from './plan.js'
import type { ProducerSettings } from './producer.js'
import type { ReceiverSettings } from './receiver.js'
import type { RelaySettings } from './relay.js'
import type { Stage } from './stage.js'

const PRODUCER = new URL('./producer.js', import.meta.url)
const RELAY = new URL('./relay.js', import.meta.url)
const RECEIVER = new URL('./receiver.js', import.meta.url)
const STOP_WITHIN_MS = 15_000

export interface FleetOptions {
  readonly stage: Stage
  /** The journals are here. */
  readonly folder: string
  readonly seed: number
  /** Messages, of all producers together. */
  readonly perSecond: number
  readonly onFailure: (error: Error) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
}

export class Fleet {
  readonly producers: readonly Slot[]
  readonly relays: readonly Slot[]
  readonly receivers: readonly Slot[]
  /** The run's own journal: faults, and the ends of transactions whose producer was killed. */
  readonly journal: Journal
  /** How many were killed, by cause. */
  readonly kills: Record<string, number> = {}
  /** Where the wall clock of all of them is, from the system's. */
  clockOffsetMs = 0
  /** Messages that killed producers had committed. */
  #producedByKilled = 0
  readonly #options: FleetOptions
  #ports: number[] = []

  constructor(options: FleetOptions) {
    this.#options = options
    this.journal = new Journal(join(options.folder, 'run.jsonl'))
    this.producers = this.#slots('p', PRODUCERS, (name) => this.#spawnProducer(name))
    this.relays = this.#slots('r', RELAYS, (name) => this.#spawnRelay(name))
    this.receivers = this.#slots('s', RECEIVERS, (name) => this.#spawnReceiver(name))
  }

  async start(): Promise<void> {
    await Promise.all(this.receivers.map((slot) => slot.start()))
    const ports = await Promise.all(this.receivers.map(({ process }) => process.ready))
    this.#ports = ports.map((port) => port ?? 0)
    await Promise.all([...this.relays, ...this.producers].map((slot) => slot.start()))
  }

  async stopProducers(): Promise<void> {
    await Promise.all(this.producers.map((slot) => slot.stop(STOP_WITHIN_MS)))
  }

  async stopTheRest(): Promise<void> {
    await Promise.all(this.relays.map((slot) => slot.stop(STOP_WITHIN_MS)))
    await Promise.all(this.receivers.map((slot) => slot.stop(STOP_WITHIN_MS)))
  }

  /** Messages that were committed, as far as it is known here. */
  get produced(): number {
    return this.producers.reduce((sum, { process }) => sum + process.count('messages'), this.#producedByKilled)
  }

  /** Whatever still runs is killed. */
  abandon(): void {
    for (const slot of this.#all) slot.abandon()
  }

  tell(slots: readonly Slot[], command: { readonly kind: string }): void {
    for (const slot of slots) slot.process.send(command)
  }

  /** Steps the clock of every process, those to come included: they are one machine. */
  stepClock(byMs: number): void {
    this.clockOffsetMs += byMs
    for (const { process } of this.#all) process.send({ kind: 'clock', offsetMs: this.clockOffsetMs })
  }

  get journals(): string[] {
    const { folder } = this.#options
    return readdirSync(folder).filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name))
  }

  get #all(): readonly Slot[] {
    return [...this.producers, ...this.relays, ...this.receivers]
  }

  #slots(letter: string, count: number, spawn: (name: string) => ChaosProcess): Slot[] {
    return Array.from({ length: count }, (_, index) => new Slot({
      name: `${letter}${index}`,
      spawn: (run) => spawn(`${letter}${index}r${run}`),
      onKilled: (death) => this.#onKilled(death),
      onFailure: this.#options.onFailure,
    }))
  }

  #onKilled({ slot, run, cause, at, exitedAt }: Death): void {
    this.kills[cause] = (this.kills[cause] ?? 0) + 1
    this.journal.write({ kind: 'fault', at, until: exitedAt + AFTERMATH_MS, name: `${slot} ${cause}` })
    if (!slot.startsWith('p')) return
    const open = new Map<string, number>()
    for (const event of readJournal(join(this.#options.folder, `${slot}r${run}.jsonl`))) {
      if (event.kind === 'begin') open.set(event.tx, 0)
      else if (event.kind === 'enqueue') open.set(event.tx, (open.get(event.tx) ?? 0) + 1)
      else if (event.kind === 'committed' || event.kind === 'aborted' || event.kind === 'unknown') {
        if (event.kind === 'committed') this.#producedByKilled += open.get(event.tx) ?? 0
        open.delete(event.tx)
      }
    }
    const ended = now()
    for (const tx of open.keys()) this.journal.write({ kind: 'unknown', at: ended, tx })
  }

  #spawn(name: string, entry: URL, settings: object): ChaosProcess {
    const { folder, onSample } = this.#options
    return new ChaosProcess(name, entry, { ...settings, name, folder, clockOffsetMs: this.clockOffsetMs }, {
      onSample: (sample) => onSample?.(name, sample),
    })
  }

  #spawnProducer(name: string): ChaosProcess {
    const { stage, seed, perSecond } = this.#options
    const number = [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), seed) >>> 0
    const settings: Omit<ProducerSettings, 'name' | 'folder' | 'clockOffsetMs'> = {
      place: stage.producers, seed: number, perSecond: perSecond / PRODUCERS,
    }
    return this.#spawn(name, PRODUCER, settings)
  }

  #spawnRelay(name: string): ChaosProcess {
    const settings: Omit<RelaySettings, 'name' | 'folder' | 'clockOffsetMs'> = {
      place: this.#options.stage.relays, receivers: this.#ports,
    }
    return this.#spawn(name, RELAY, settings)
  }

  #spawnReceiver(name: string): ChaosProcess {
    const settings: Omit<ReceiverSettings, 'name' | 'folder' | 'clockOffsetMs'> = {}
    return this.#spawn(name, RECEIVER, settings)
  }
}
