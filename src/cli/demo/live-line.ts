/** What a person sees while the demo runs: a line that changes on a terminal, else lines now and then. */
import type { Io } from '../io.js'
import { countText } from '../message-view.js'
import type { Output } from '../output.js'
import { cut } from '../printable.js'

export interface Snapshot {
  readonly seconds: number
  readonly committed: number
  readonly delivered: number
  readonly retried: number
  readonly deadLettered: number
  readonly kills: number
  readonly backlog: number
}

const PLAIN_EVERY_SECONDS = 2
const CLEAR = '\r\u001b[K'

export class LiveLine {
  readonly #io: Io
  readonly #output: Output
  #plainFrom = PLAIN_EVERY_SECONDS
  #open = false

  constructor(io: Io, output: Output) {
    this.#io = io
    this.#output = output
  }

  show(snapshot: Snapshot): void {
    if (this.#output.json) return
    if (this.#io.isTerminal) {
      this.#io.stdout.write(CLEAR + cut(textOf(snapshot), (this.#output.width ?? 80) - 1))
      this.#open = true
    } else if (snapshot.seconds >= this.#plainFrom) {
      this.#plainFrom = snapshot.seconds + PLAIN_EVERY_SECONDS
      this.#output.line(textOf(snapshot))
    }
  }

  /** A line that stays, above the one that changes. */
  note(seconds: number, text: string): void {
    if (this.#output.json) return
    this.clear()
    this.#output.line(`${secondsText(seconds)}  ${text}`)
  }

  clear(): void {
    if (this.#open) this.#io.stdout.write(CLEAR)
    this.#open = false
  }
}

/** Within 80 columns up to ten thousand orders. */
function textOf({ seconds, committed, delivered, retried, deadLettered, kills, backlog }: Snapshot): string {
  const counts = [
    [committed, 'orders'], [delivered, 'delivered'], [retried, 'retried'], [deadLettered, 'dead'], [kills, 'kills'],
    [backlog, 'to go'],
  ] as const
  return [secondsText(seconds), ...counts.map(([count, name]) => `${countText(count)} ${name}`)].join('  ')
}

function secondsText(seconds: number): string {
  return `${seconds.toFixed(1).padStart(4)} s`
}
