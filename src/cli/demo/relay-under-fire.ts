/** The relay's process, killed and started again. */
import { DemoProcess } from './demo-process.js'
import type { RelaySettings } from './plan.js'

const RELAY = new URL('./relay.js', import.meta.url)

export class RelayUnderFire {
  /** The starts that ended by SIGKILL. */
  readonly killedRuns = new Set<number>()
  readonly #settings: Omit<RelaySettings, 'run'>
  readonly #onFailure: (error: Error) => void
  #process: DemoProcess | undefined
  #run = 0
  #ended = false

  constructor(settings: Omit<RelaySettings, 'run'>, onFailure: (error: Error) => void) {
    this.#settings = settings
    this.#onFailure = onFailure
  }

  get kills(): number {
    return this.killedRuns.size
  }

  get isDelivering(): boolean {
    return (this.#process?.count('delivered') ?? 0) > 0
  }

  async start(): Promise<void> {
    // Ended while a killed one was being replaced.
    if (this.#ended) return
    this.#run += 1
    this.#process = new DemoProcess('relay', RELAY, { ...this.#settings, run: this.#run }, this.#onFailure)
    await this.#process.ready
  }

  async killAndRestart(): Promise<void> {
    this.killedRuns.add(this.#run)
    await this.#process?.kill()
    await this.start()
  }

  async stop(): Promise<void> {
    this.#ended = true
    await this.#process?.stop()
  }

  async kill(): Promise<void> {
    this.#ended = true
    await this.#process?.kill()
  }
}
