/** A process of its own beside a test, which does what it is told, line by line, and ends with the test. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export class Child<Report extends object> {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string>

  /** `script` is one of test/stores. */
  constructor(script: string, ...args: readonly string[]) {
    const path = fileURLToPath(new URL(`../stores/${script}`, import.meta.url))
    this.process = spawn(process.execPath, [path, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]()
    onTestFinished(() => this.kill())
  }

  /** What it reports next, when it has been told this. */
  async run(command: string, options: object = {}): Promise<Report> {
    this.tell(command, options)
    return await this.next() ?? fail(command)
  }

  tell(command: string, options: object = {}): void {
    this.process.stdin!.write(`${JSON.stringify({ command, ...options })}\n`)
  }

  /** Undefined when it has ended. */
  async next(): Promise<Report | undefined> {
    const line = await this.#lines.next()
    if (line.done === true) return undefined
    const report = JSON.parse(line.value) as Report & { error?: string }
    if (report.error !== undefined) throw new Error(report.error)
    return report
  }

  /** When it has ended by itself. */
  async ended(): Promise<void> {
    if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, 'exit')
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const exit = once(this.process, 'exit')
    this.process.kill('SIGKILL')
    await exit
  }
}

function fail(command: string): never {
  throw new Error(`the process ended at '${command}'`)
}
