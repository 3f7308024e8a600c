/** Does to processes and servers what faults are made of, and writes down from when until when each has effects. */
import type { FaultEvent } from 'waybill/testkit'
import { now, type EventSink } from '../history/journal.js'
import { AFTERMATH_MS } from '../plan.js'
import type { Slot } from '../processes/slot.js'
import type { BreakableServer } from '../stage/stage.js'
import { choose } from './schedule.js'

const POINT_WITHIN_MS = 5_000
/** All processes of a kind may just be stopped and started, on a busy machine. */
const FREE_WITHIN_MS = 15_000
const LOOK_EVERY_MS = 20
const POINT_ATTEMPTS = 3

/** Who may be hit: always the same ones, or those who can be when somebody is looked for. */
type Candidates = readonly Slot[] | (() => readonly Slot[])

export interface BreakagePorts {
  readonly journal: EventSink<FaultEvent>
  readonly server: BreakableServer | undefined
  /** They are not killed, so that they grow old. */
  readonly spared?: readonly Slot[]
}

export class Breakage {
  /** What happened, beside the kills, which the crew counts. */
  readonly counts = {
    pauses: 0, restarts: 0, lostReplies: 0, terminated: 0, clockSteps: 0, receiverFaults: 0,
    /** Planned, and there was nobody to do it to. */
    missed: 0,
  }
  readonly #ports: BreakagePorts
  readonly #running = new Set<Promise<void>>()
  /** One thing at a time is done to the server. */
  #serverTurn: Promise<unknown> = Promise.resolve()
  /** And to all processes of a kind. */
  #allTurn: Promise<unknown> = Promise.resolve()

  constructor(ports: BreakagePorts) {
    this.#ports = ports
  }

  begin(work: () => Promise<void>, onFailure: (error: Error) => void): void {
    const running: Promise<void> = work()
      .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** All that was begun is over, except for what it leaves behind. */
  async over(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  write(name: string, at: number, until: number): void {
    this.#ports.journal.write({ kind: 'fault', at, until, name })
  }

  async kill(slots: Candidates, share: number, cause: string): Promise<void> {
    await this.#with(slots, share, (slot) => slot.kill(cause))
  }

  /**
   * Told to kill itself at `point`. Another one is told when this one does not come there in time, or is not one of
   * those any more who come there.
   */
  async dieAt(slots: Candidates, share: number, point: string): Promise<void> {
    const until = performance.now() + POINT_ATTEMPTS * POINT_WITHIN_MS
    let died = false
    for (let attempt = 0; performance.now() < until && !died; attempt += 1) {
      const isFound = await this.#with(slots, (share + attempt / POINT_ATTEMPTS) % 1, async (slot) => {
        died = await slot.dieAt(point, POINT_WITHIN_MS, () => among(slots).includes(slot))
      })
      // That was counted.
      if (!isFound) return
    }
    if (!died) this.counts.missed += 1
  }

  async pause(slots: Candidates, share: number, ms: number): Promise<void> {
    await this.#with(slots, share, async ({ process }) => {
      const at = now()
      process.pause()
      await new Promise((resolve) => { setTimeout(resolve, ms) })
      process.resume()
      this.counts.pauses += 1
      this.write(`${process.name} paused`, at, now() + AFTERMATH_MS)
    })
  }

  /** `work` with all of them, once nothing else is being done to any. */
  withAll(slots: readonly Slot[], work: () => Promise<void>): Promise<void> {
    const mine = this.#allTurn.then(async () => {
      for (const slot of slots) {
        while (slot.busy) await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS) })
        slot.busy = true
      }
      await work().finally(() => { for (const slot of slots) slot.busy = false })
    })
    this.#allTurn = mine.catch(() => undefined)
    return mine
  }

  restartServer(): Promise<void> {
    return this.#onServer(async (server) => {
      const at = now()
      await server.restart()
      this.counts.restarts += 1
      this.write('restart', at, now() + AFTERMATH_MS)
    })
  }

  terminate(application: string, share: number): Promise<void> {
    return this.#onServer(async (server) => {
      const at = now()
      if (!await server.terminate(application, share)) return
      this.counts.terminated += 1
      this.write(`terminated ${application}`, at, now() + AFTERMATH_MS)
    })
  }

  /** What a reply was lost to goes on for so long. */
  loseReply(aftermathMs: number): void {
    this.#ports.server?.loseReply(() => {
      this.counts.lostReplies += 1
      this.write('lost reply', now(), now() + aftermathMs)
    })
  }

  /** One that nothing else is being done to. False when there was none for too long, which counts as missed. */
  async #with(slots: Candidates, share: number, work: (slot: Slot) => Promise<void>): Promise<boolean> {
    const { spared = [] } = this.#ports
    const until = performance.now() + FREE_WITHIN_MS
    const free = (): Slot | undefined => (
      choose(among(slots).filter((each) => !each.busy && !spared.includes(each)), share))
    let slot = free()
    while (slot === undefined && performance.now() < until) {
      await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS) })
      slot = free()
    }
    if (slot === undefined) {
      this.counts.missed += 1
      return false
    }
    slot.busy = true
    await work(slot).finally(() => { slot.busy = false })
    return true
  }

  #onServer(work: (server: BreakableServer) => Promise<void>): Promise<void> {
    const { server } = this.#ports
    if (server === undefined) return Promise.resolve()
    const mine = this.#serverTurn.then(() => work(server))
    this.#serverTurn = mine.catch(() => undefined)
    return mine
  }
}

function among(slots: Candidates): readonly Slot[] {
  return typeof slots === 'function' ? slots() : slots
}
