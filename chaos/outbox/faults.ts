/** Does what the schedule says to a run, and writes down when it began and when its effects are over. */
import { now } from '../history/journal.js'
import { choose, type PlannedFault } from '../faults/schedule.js'
import type { Slot } from '../processes/slot.js'
import type { Fleet } from './fleet.js'
import { AFTERMATH_MS, LEASE_MS, type KillPoint } from './plan.js'
import type { Stage } from './stage.js'

export type FaultKind =
  | KillPoint | 'kill-relay' | 'kill-producer' | 'pause-relay' | 'clock' | 'receiver-fail' | 'receiver-hold'
  /** These need a server. */
  | 'restart' | 'terminate-relay' | 'terminate-producer' | 'lost-reply'

const POINT_WITHIN_MS = 5_000
const RECEIVER_MS = { fail: 400, hold: 200 } as const
const STEPPED_FOR_MS = 2_000
const WALL_STEPS = [3_600_000, -3_600_000, 86_400_000, -10_000] as const
/**
 * Where the store's clock is the processes' own, a step back delays what was waiting by as much: decision 0012. So
 * the clock is stepped back by little only, and a step forward is not taken back.
 */
const STORE_STEPS = [10_000, 3_600_000, 86_400_000, -1_500] as const

export class FaultRunner {
  /** What happened, beside the kills, which the fleet counts. */
  readonly counts = {
    pauses: 0, restarts: 0, lostReplies: 0, terminated: 0, clockSteps: 0, receiverFaults: 0, missed: 0,
  }
  readonly #stage: Stage
  readonly #fleet: Fleet
  readonly #spared: ReadonlySet<Slot>
  readonly #running = new Set<Promise<void>>()
  /** One thing at a time is done to the server. */
  #serverTurn: Promise<unknown> = Promise.resolve()

  /** Those spared are not killed, so that they grow old. */
  constructor(stage: Stage, fleet: Fleet, spared: readonly Slot[] = []) {
    this.#stage = stage
    this.#fleet = fleet
    this.#spared = new Set(spared)
  }

  begin(fault: PlannedFault<FaultKind>, onFailure: (error: Error) => void): void {
    const running: Promise<void> = this.#run(fault)
      .catch((error: unknown) => onFailure(error instanceof Error ? error : new Error(String(error))))
      .finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** All that was begun is over, except for what it leaves behind. */
  async over(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running)
  }

  async #run(fault: PlannedFault<FaultKind>): Promise<void> {
    const { kind, victim, strength } = fault
    const { relays, producers, receivers } = this.#fleet
    switch (kind) {
      case 'kill-relay': return this.#with(relays, victim, (slot) => slot.kill('random'))
      case 'kill-producer': return this.#with(producers, victim, (slot) => slot.kill('producer'))
      case 'pause-relay':
        return this.#with(relays, victim, (slot) => this.#pause(slot, (0.5 + 2.5 * strength) * LEASE_MS))
      case 'receiver-fail': case 'receiver-hold':
        this.counts.receiverFaults += 1
        return this.#fleet.tell(receivers, { kind: kind === 'receiver-fail' ? 'fail' : 'hold', ...inMs(kind) })
      case 'clock': return this.#stepClock(victim, strength)
      case 'restart': return this.#onServer(() => this.#restart())
      case 'terminate-relay': return this.#onServer(() => this.#terminate('chaos-relay', victim))
      case 'terminate-producer': return this.#onServer(() => this.#terminate('chaos-producer', victim))
      case 'lost-reply': return this.#stage.server?.loseReply(() => {
        this.counts.lostReplies += 1
        this.#fault('lost reply', now(), now())
      })
      default: return this.#dieAt(kind, victim)
    }
  }

  #fault(name: string, at: number, until: number): void {
    this.#fleet.journal.write({ kind: 'fault', at, until, name })
  }

  /** One that nothing else is being done to. */
  async #with(slots: readonly Slot[], share: number, work: (slot: Slot) => Promise<void>): Promise<void> {
    const slot = choose(slots.filter((each) => !each.busy && !this.#spared.has(each)), share)
    if (slot === undefined) {
      this.counts.missed += 1
      return
    }
    slot.busy = true
    await work(slot).finally(() => { slot.busy = false })
  }

  async #dieAt(point: KillPoint, share: number): Promise<void> {
    let died = false
    for (let attempt = 0; attempt < 3 && !died; attempt += 1) {
      await this.#with(this.#fleet.relays, (share + attempt / 3) % 1, async (slot) => {
        died = await slot.dieAt(point, POINT_WITHIN_MS)
      })
    }
    if (!died) this.counts.missed += 1
  }

  async #pause({ process }: Slot, ms: number): Promise<void> {
    const at = now()
    process.pause()
    await new Promise((resolve) => { setTimeout(resolve, ms) })
    process.resume()
    this.counts.pauses += 1
    this.#fault(`${process.name} paused`, at, now() + AFTERMATH_MS)
  }

  async #restart(): Promise<void> {
    const at = now()
    await this.#stage.server?.restart()
    this.counts.restarts += 1
    this.#fault('restart', at, now() + AFTERMATH_MS)
  }

  async #terminate(application: string, share: number): Promise<void> {
    const at = now()
    if (await this.#stage.server?.terminate(application, share) !== true) return
    this.counts.terminated += 1
    this.#fault(`terminated ${application}`, at, now() + AFTERMATH_MS)
  }

  #onServer(work: () => Promise<void>): Promise<void> {
    const mine = this.#serverTurn.then(work)
    this.#serverTurn = mine.catch(() => undefined)
    return mine
  }

  /** Where the store's clock is its own, the processes' means nothing: that is no fault, and explains nothing. */
  async #stepClock(victim: number, strength: number): Promise<void> {
    const fleet = this.#fleet
    this.counts.clockSteps += 1
    if (this.#stage.store === 'sqlite') {
      const byMs = choose(STORE_STEPS, strength) ?? 0
      this.#fault(`clock stepped by ${byMs} ms`, now(), now() + AFTERMATH_MS + Math.max(0, -byMs))
      return fleet.stepClock(byMs)
    }
    const slot = choose([...fleet.relays, ...fleet.producers], victim)
    slot?.process.send({ kind: 'clock', offsetMs: choose(WALL_STEPS, strength) ?? 0 })
    await new Promise((resolve) => { setTimeout(resolve, STEPPED_FOR_MS) })
    slot?.process.send({ kind: 'clock', offsetMs: 0 })
  }
}

function inMs(kind: 'receiver-fail' | 'receiver-hold'): { readonly ms: number } {
  return { ms: RECEIVER_MS[kind === 'receiver-fail' ? 'fail' : 'hold'] }
}
