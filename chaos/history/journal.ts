/**
 * What a process writes down of a run: one JSON line an event, each with one write at the end of its own file, so that
 * a process that is killed leaves whole lines behind, and at most one that is torn.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
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

export class Journal<Event extends TimedEvent = HistoryEvent> implements EventSink<Event> {
  readonly #file: number

  constructor(path: string) {
    this.#file = openSync(path, 'a')
  }

  write(event: Event): void {
    writeSync(this.#file, `${JSON.stringify(event)}\n`)
  }

  close(): void {
    closeSync(this.#file)
  }
}
