/**
 * What a process writes down of a run: one JSON line an event, with one write at the end of its own file, so that
 * a process that is killed leaves whole lines behind, and at most one that is torn.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import type { HistoryEvent } from 'waybill/testkit'

/** Milliseconds by the machine's monotonic clock: one clock for all processes, and it never steps. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

export interface TimedEvent {
  readonly kind: string
  readonly at: number
}

export interface EventSink<Event extends TimedEvent = HistoryEvent> {
  write(event: Event): void
}

export interface JournalOptions {
  /** What was written is on the disk when `write` returns. */
  readonly synced?: boolean
}

export class Journal<Event extends TimedEvent = HistoryEvent> implements EventSink<Event> {
  readonly #file: number
  readonly #isSynced: boolean

  constructor(path: string, { synced = false }: JournalOptions = {}) {
    this.#file = openSync(path, 'a')
    this.#isSynced = synced
  }

  write(...events: readonly Event[]): void {
    writeSync(this.#file, events.map((event) => `${JSON.stringify(event)}\n`).join(''))
    if (this.#isSynced) fsyncSync(this.#file)
  }

  close(): void {
    closeSync(this.#file)
  }
}
