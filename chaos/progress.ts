/** What a person sees on stderr while a run goes on: a line that changes on a terminal, else a line now and then. */
const PLAIN_EVERY_MS = 5_000
const CLEAR = '\r\u001b[K'

export class Progress {
  #shownAt = -Infinity

  /** What is the case now. */
  show(line: string): void {
    const { stderr } = process
    if (stderr.isTTY) stderr.write(CLEAR + line.slice(0, (stderr.columns || 80) - 1))
    else if (performance.now() - this.#shownAt > PLAIN_EVERY_MS) {
      this.#shownAt = performance.now()
      stderr.write(`${line}\n`)
    }
  }

  /** What stays. */
  note(line: string): void {
    process.stderr.write(`${process.stderr.isTTY ? CLEAR : ''}${line}\n`)
  }
}
