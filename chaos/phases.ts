/** The time of a run: stretches in which its processes live, and one in which faults come when the schedule says. */
import { performance } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import type { PlannedFault } from './faults/schedule.js'

const LOOK_EVERY_MS = 250
const STEP_MS = 20

export interface PhasesPorts {
  /** Looks at the processes now and then. A slow look delays nothing. */
  readonly look: (part: string) => Promise<void>
  /** There is no sense in going on. */
  readonly isOver: () => boolean
}

export class Phases {
  readonly #ports: PhasesPorts
  readonly #startedAt = performance.now()
  #lookAt = 0

  constructor(ports: PhasesPorts) {
    this.#ports = ports
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#startedAt) / 100) / 10
  }

  /** Lets them work. */
  async live(part: string, ms: number): Promise<void> {
    const { look, isOver } = this.#ports
    const until = performance.now() + ms
    while (performance.now() < until && !isOver()) {
      if (performance.now() >= this.#lookAt) {
        this.#lookAt = Infinity
        void look(part).finally(() => { this.#lookAt = performance.now() + LOOK_EVERY_MS })
      }
      await wait(Math.max(0, Math.min(until - performance.now(), STEP_MS)))
    }
  }

  /** Lets them work for `ms`, and begins each fault when its time has come. */
  async underFaults<Kind extends string>(
    ms: number, planned: readonly PlannedFault<Kind>[], begin: (fault: PlannedFault<Kind>) => void,
  ): Promise<void> {
    const from = performance.now()
    for (const fault of planned) {
      await this.live('faults', fault.atMs - (performance.now() - from))
      if (this.#ports.isOver()) return
      begin(fault)
    }
    await this.live('faults', ms - (performance.now() - from))
  }

  /** Lets them work until `over` is. */
  async liveUntil(part: string, over: Promise<void>): Promise<void> {
    let isOver = false
    const end = (): void => { isOver = true }
    over.then(end, end)
    while (!isOver && !this.#ports.isOver()) await this.live(part, STEP_MS)
  }

  /** Lets them work until `condition` holds, for at most `ms`. */
  async until(part: string, condition: () => boolean, ms: number): Promise<void> {
    const until = performance.now() + ms
    while (!condition() && performance.now() < until && !this.#ports.isOver()) await this.live(part, LOOK_EVERY_MS)
  }
}

/** Holds producers while too much waits: more than was done of late in `maxBehindMs`. */
export class Throttle {
  readonly #maxBehindMs: number
  #done = 0
  #perMs = 0
  #lookedAt = performance.now()

  constructor(maxBehindMs: number) {
    this.#maxBehindMs = maxBehindMs
  }

  /** What the producers are to be told, when `done` are done since the beginning and `waiting` are not. */
  decide(done: number, waiting: number): 'go' | 'hold' {
    const perMs = (done - this.#done) / (performance.now() - this.#lookedAt)
    this.#perMs = 0.7 * this.#perMs + 0.3 * perMs
    this.#done = done
    this.#lookedAt = performance.now()
    return waiting > Math.max(LEAST_BACKLOG, this.#perMs * this.#maxBehindMs) ? 'hold' : 'go'
  }
}

/** There is always something to do. */
const LEAST_BACKLOG = 100
