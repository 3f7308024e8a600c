/** The parent's side of a child process, which may be killed, paused and told things. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { now } from '../history/journal.js'
import type { ChildReport, Counts, GeneralCommand, Sample } from './child.js'

const STDERR_KEPT = 4_000

/** How a process ended. */
export interface Exit {
  readonly at: number
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stderr: string
}

export interface ProcessPorts {
  readonly onSample?: ((sample: Sample) => void) | undefined
}

export class ChaosProcess {
  readonly name: string
  /** Resolves with the port of a child that listens. Never, when it ends before. */
  readonly ready: Promise<number | undefined>
  readonly exited: Promise<Exit>
  counts: Counts = {}
  readonly #child: ChildProcess
  #stderr = ''

  constructor(name: string, entry: URL, settings: object, ports: ProcessPorts = {}) {
    this.name = name
    const child = fork(fileURLToPath(entry), [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    this.#child = child
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_KEPT)
    })
    // Sending to a child that has just died is no event of its own: its exit tells.
    child.on('error', () => undefined)
    this.exited = once(child, 'close').then(([code, signal]) => ({
      at: now(), code: code as number | null, signal: signal as NodeJS.Signals | null, stderr: this.#stderr.trim(),
    }))
    this.ready = new Promise((resolve) => {
      child.on('message', (report: ChildReport) => {
        if (report.kind === 'ready') resolve(report.port)
        else if (report.kind === 'counts') this.counts = report.counts
        else ports.onSample?.(report.sample)
      })
    })
  }

  count(name: string): number {
    return this.counts[name] ?? 0
  }

  send<Command extends { readonly kind: string } = GeneralCommand>(command: Command): void {
    if (this.#child.connected) this.#child.send(command, () => undefined)
  }

  /** SIGKILL: no handler runs, nothing is written out, no connection is closed in order. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  pause(): void {
    this.#child.kill('SIGSTOP')
  }

  resume(): void {
    this.#child.kill('SIGCONT')
  }

  /** Lets it end by itself; kills it when that takes longer than `withinMs`. */
  async stop(withinMs: number): Promise<Exit> {
    this.resume()
    this.send({ kind: 'stop' })
    const timer = setTimeout(() => this.kill(), withinMs)
    const exit = await this.exited
    clearTimeout(timer)
    return exit
  }
}
