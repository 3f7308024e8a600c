/**
 * Lines that are drawn again and again at one place of a terminal. Each frame goes up over the last and writes
 * over it, in one write: nothing is cleared before it is replaced, so nothing flickers.
 */
import type { Io } from './io.js'

const DEFAULT_ROWS = 24
const TO_LINE_END = '\u001b[K'
const TO_SCREEN_END = '\u001b[J'

export class LiveFrame {
  readonly #io: Io
  #drawn = 0

  constructor(io: Io) {
    this.#io = io
  }

  draw(lines: readonly string[]): void {
    // A cursor cannot go up beyond the screen: a higher frame would leave its top behind at every turn.
    const room = Math.max(1, (this.#io.rows() ?? DEFAULT_ROWS) - 1)
    const hidden = lines.length - room + 1
    const shown = hidden < 2 ? lines : [...lines.slice(0, room - 1), `… ${hidden} more lines`]
    const up = this.#drawn === 0 ? '' : `\u001b[${Math.min(this.#drawn, room)}A\r`
    this.#io.stdout.write(up + shown.map((line) => `${line}${TO_LINE_END}\n`).join('') + TO_SCREEN_END)
    this.#drawn = shown.length
  }
}
