/** The processes of a run: each in its slot, with what they wrote and how many were killed. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultEvent } from 'waybill/testkit'
import { Journal, type TimedEvent } from '../history/journal.js'
import { AFTERMATH_MS } from '../plan.js'
import { ChaosProcess } from './chaos-process.js'
import type { Sample } from './child.js'
import { Slot, type Death } from './slot.js'

const STOP_WITHIN_MS = 15_000

export interface CrewOptions {
  /** The journals are here. */
  readonly folder: string
  readonly onFailure: (error: Error) => void
  readonly onSample?: ((process: string, sample: Sample) => void) | undefined
}

/** What all slots of one kind have alike. */
export interface Trade {
  /** Begins their names. */
  readonly letter: string
  readonly count: number
  readonly entry: URL
  /** What a process of that name is told beside its name and folder. */
  readonly settings: (name: string) => object
  /** The fault was written down already. */
  readonly onKilled?: (death: Death, journal: string) => void
  /** They may kill themselves unasked, of this. */
  readonly mayDieOf?: string
}

export class Crew<Event extends TimedEvent> {
  /** The run's own: faults, and the ends of transactions whose producer was killed. */
  readonly journal: Journal<Event | FaultEvent>
  /** How many were killed, by cause. */
  readonly kills: Record<string, number> = {}
  readonly #options: CrewOptions
  readonly #slots: Slot[] = []
  /** Where the wall clock of all of them is, from the system's. */
  #clockOffsetMs = 0

  constructor(options: CrewOptions) {
    this.#options = options
    this.journal = new Journal(join(options.folder, 'run.jsonl'))
  }

  add(trade: Trade): readonly Slot[] {
    const { letter, count } = trade
    const added = Array.from({ length: count }, (_, index) => new Slot({
      name: `${letter}${index}`,
      spawn: (run) => this.#spawn(trade, `${letter}${index}r${run}`),
      onKilled: (death) => this.#onKilled(trade, death),
      onFailure: this.#options.onFailure,
      mayDieOf: trade.mayDieOf,
    }))
    this.#slots.push(...added)
    return added
  }

  async start(slots: readonly Slot[]): Promise<void> {
    await Promise.all(slots.map((slot) => slot.start()))
  }

  /** For good. */
  async stop(slots: readonly Slot[]): Promise<void> {
    await Promise.all(slots.map((slot) => slot.stop(STOP_WITHIN_MS)))
  }

  /** All of them in order, and then all of them anew. */
  async restart(slots: readonly Slot[]): Promise<void> {
    await Promise.all(slots.map((slot) => slot.halt(STOP_WITHIN_MS)))
    await this.start(slots)
  }

  /** Whatever still runs is killed. */
  abandon(): void {
    for (const slot of this.#slots) slot.abandon()
  }

  tell(slots: readonly Slot[], command: { readonly kind: string }): void {
    for (const slot of slots) slot.process.send(command)
  }

  /** Steps the clock of every process, those to come included: they are one machine. */
  stepClock(byMs: number): void {
    this.#clockOffsetMs += byMs
    const command = { kind: 'clock', offsetMs: this.#clockOffsetMs }
    this.tell(this.#slots, command)
  }

  get killed(): number {
    return Object.values(this.kills).reduce((sum, count) => sum + count, 0)
  }

  get journals(): string[] {
    const { folder } = this.#options
    return readdirSync(folder).filter((name) => name.endsWith('.jsonl')).map((name) => join(folder, name))
  }

  #spawn({ entry, settings }: Trade, name: string): ChaosProcess {
    const { folder, onSample } = this.#options
    return new ChaosProcess(name, entry, { ...settings(name), name, folder, clockOffsetMs: this.#clockOffsetMs }, {
      onSample: (sample) => onSample?.(name, sample),
    })
  }

  #onKilled({ onKilled }: Trade, death: Death): void {
    const { slot, run, cause, at, exitedAt } = death
    this.kills[cause] = (this.kills[cause] ?? 0) + 1
    this.journal.write({ kind: 'fault', at, until: exitedAt + AFTERMATH_MS, name: `${slot} ${cause}` })
    onKilled?.(death, join(this.#options.folder, `${slot}r${run}.jsonl`))
  }
}

/** Another one for each process, the same in each run of a seed. */
export function seedOf(name: string, seed: number): number {
  return [...name].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), seed) >>> 0
}
