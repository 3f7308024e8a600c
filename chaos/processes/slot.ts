/** A place in the run that one process fills at a time: when that is killed, the next one starts at once. */
import { setTimeout as wait } from 'node:timers/promises'
import { now } from '../history/journal.js'
import type { ChaosProcess, Exit } from './chaos-process.js'

const READY_WITHIN_MS = 20_000
const LOOK_EVERY_MS = 200

export interface SlotPorts {
  readonly name: string
  /** Starts the process; `run` counts the starts, from 1. */
  readonly spawn: (run: number) => ChaosProcess
  /** It was killed, by `cause`. Called before the next one starts. */
  readonly onKilled: (death: Death) => void
  /** It ended by itself, which it may not. */
  readonly onFailure: (error: Error) => void
  /** It may kill itself unasked, of this; then the next one starts as ever. Default: it may not. */
  readonly mayDieOf?: string | undefined
}

export interface Death {
  readonly slot: string
  readonly run: number
  readonly cause: string
  /** Not after the death. */
  readonly at: number
  readonly exitedAt: number
}

export class Slot {
  readonly name: string
  /** Something is being done to it; nothing else may be meanwhile. */
  busy = false
  readonly #ports: SlotPorts
  #process: ChaosProcess | undefined
  #run = 0
  #dyingOf: string | undefined
  #killedAt: number | undefined
  #ended = false
  #halting = false

  constructor(ports: SlotPorts) {
    this.#ports = ports
    this.name = ports.name
  }

  get process(): ChaosProcess {
    if (this.#process === undefined) throw new Error(`${this.name} was not started`)
    return this.#process
  }

  async start(): Promise<void> {
    if (this.#ended) return
    this.#run += 1
    this.#dyingOf = this.#killedAt = undefined
    const [process, run] = [this.#ports.spawn(this.#run), this.#run]
    this.#process = process
    void process.exited.then((exit) => this.#onExit(run, exit))
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<'late'>((resolve) => { timer = setTimeout(() => resolve('late'), READY_WITHIN_MS) })
    const first = await Promise.race([process.ready, process.exited, late])
    clearTimeout(timer)
    if (first === 'late') this.#ports.onFailure(new Error(`${this.name} is not ready after ${READY_WITHIN_MS} ms`))
  }

  /** Killed now, at whatever it is doing, and started again. */
  async kill(cause: string): Promise<void> {
    this.#dyingOf = cause
    this.#killedAt = now()
    this.process.kill()
    await this.process.exited
    await this.start()
  }

  /**
   * Told to kill itself when it next comes to `point`, and started again. False when it did not come there, in time or
   * while it was one of those that do.
   */
  async dieAt(point: string, withinMs: number, mayCome: () => boolean): Promise<boolean> {
    this.#dyingOf = point
    this.process.send({ kind: 'arm', point })
    const until = performance.now() + withinMs
    const isGone = this.process.exited.then(() => true)
    const isGoneWithin = (ms: number): Promise<boolean> => Promise.race([isGone, wait(ms, false)])
    while (performance.now() < until && mayCome()) {
      if (await isGoneWithin(LOOK_EVERY_MS)) break
    }
    this.process.send({ kind: 'arm', point: undefined })
    // It may be dying while it is told.
    if (!await isGoneWithin(LOOK_EVERY_MS)) return false
    await this.start()
    return true
  }

  /** Lets it end in order; `start` begins the next. */
  async halt(withinMs: number): Promise<void> {
    this.#halting = true
    const exit = await this.process.stop(withinMs)
    this.#halting = false
    if (exit.code !== 0) this.#ports.onFailure(failure(this.name, exit))
  }

  async stop(withinMs: number): Promise<void> {
    this.#ended = true
    const exit = await this.process.stop(withinMs)
    if (exit.code !== 0) this.#ports.onFailure(failure(this.name, exit))
  }

  /** Nothing is expected of it any more. */
  abandon(): void {
    this.#ended = true
    this.#process?.resume()
    this.#process?.kill()
  }

  #onExit(run: number, exit: Exit): void {
    const { mayDieOf } = this.#ports
    if (exit.signal === 'SIGKILL' && this.#dyingOf !== undefined) {
      const at = this.#killedAt ?? exit.at
      this.#ports.onKilled({ slot: this.name, run, cause: this.#dyingOf, at, exitedAt: exit.at })
    } else if (exit.signal === 'SIGKILL' && mayDieOf !== undefined && !this.#ended && !this.#halting) {
      this.#ports.onKilled({ slot: this.name, run, cause: mayDieOf, at: exit.at, exitedAt: exit.at })
      void this.start()
    } else if (!this.#ended && !this.#halting) {
      this.#ports.onFailure(failure(this.name, exit))
    }
  }
}

function failure(name: string, { code, signal, stderr }: Exit): Error {
  return new Error(`${name} ended by itself (${signal ?? code ?? 'not started'}): ${stderr}`)
}
