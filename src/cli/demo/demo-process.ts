/** The parent's side of a child process. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { CliError } from '../cli-error.js'
import { STOP, type ChildReport } from './child.js'

const STDERR_KEPT = 4_000
const STOP_WITHIN_MS = 10_000

export class DemoProcess {
  readonly name: string
  /** Resolves with the port, for a child that listens. */
  readonly ready: Promise<number | undefined>
  /** Resolves when it has ended, however it did. */
  readonly exited: Promise<void>
  counts: Readonly<Record<string, number>> = {}
  readonly #child: ChildProcess
  #stderr = ''
  #endIsExpected = false

  /** `onFailure` is called when the child ends without being asked to. */
  constructor(name: string, entry: URL, settings: object, onFailure: (error: CliError) => void) {
    this.name = name
    const child = fork(fileURLToPath(entry), [JSON.stringify(settings)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    this.#child = child
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT)
    })
    // Sending to a child that has just died is no event of its own: its exit tells.
    child.on('error', () => undefined)
    this.exited = once(child, 'close').catch(() => undefined).then(() => {
      if (!this.#endIsExpected) onFailure(this.#failure())
    })
    this.ready = new Promise((resolve) => {
      child.on('message', (report: ChildReport) => {
        if (report.kind === 'ready') resolve(report.port)
        else this.counts = report.counts
      })
    })
  }

  count(name: string): number {
    return this.counts[name] ?? 0
  }

  /** Lets it end by itself; kills it when that takes too long. */
  async stop(): Promise<void> {
    this.#endIsExpected = true
    if (this.#child.connected) this.#child.send(STOP, () => undefined)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS)
    await this.exited
    clearTimeout(timer)
  }

  /** SIGKILL: no handler runs, nothing is written out, no connection is closed in order. */
  async kill(): Promise<void> {
    this.#endIsExpected = true
    this.#child.kill('SIGKILL')
    await this.exited
  }

  #failure(): CliError {
    const { exitCode, signalCode } = this.#child
    const how = signalCode ?? exitCode ?? 'not started'
    const said = this.#stderr.trim()
    const error = said.split('\n').findLast((line) => /error/i.test(line)) ?? said.slice(-300)
    return new CliError('DEMO_FAILED', `the ${this.name} ended by itself (${how}): ${error}`, {
      next: 'run this again with --keep --verbose and look at the files', cause: new Error(this.#stderr),
    })
  }
}
