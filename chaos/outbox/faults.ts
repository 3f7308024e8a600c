/** What the schedule's faults do to the outbox's run. */
import { Breakage } from '../faults/breakage.js'
import { choose, type PlannedFault } from '../faults/schedule.js'
import { now } from '../history/journal.js'
import { AFTERMATH_MS, LEASE_MS } from '../plan.js'
import type { Slot } from '../processes/slot.js'
import type { Stage } from '../stage/stage.js'
import type { Fleet } from './fleet.js'
import type { KillPoint } from './plan.js'

export type FaultKind =
  | KillPoint | 'kill-relay' | 'kill-producer' | 'pause-relay' | 'clock' | 'receiver-fail' | 'receiver-hold'
  /** These need a server. */
  | 'restart' | 'terminate-relay' | 'terminate-producer' | 'lost-reply'

const RECEIVER_MS = { fail: 400, hold: 200 } as const
const STEPPED_FOR_MS = 2_000
const WALL_STEPS = [3_600_000, -3_600_000, 86_400_000, -10_000] as const
/**
 * Where the store's clock is the processes' own, a step back delays what was waiting by as much: decision 0012. So
 * the clock is stepped back by little only, and a step forward is not taken back.
 */
const STORE_STEPS = [10_000, 3_600_000, 86_400_000, -1_500] as const

export class FaultRunner {
  readonly breakage: Breakage
  readonly #stage: Stage
  readonly #fleet: Fleet

  /** Those spared are not killed, so that they grow old. */
  constructor(stage: Stage, fleet: Fleet, spared: readonly Slot[] = []) {
    this.#stage = stage
    this.#fleet = fleet
    this.breakage = new Breakage({ journal: fleet.crew.journal, server: stage.server, spared })
  }

  begin(fault: PlannedFault<FaultKind>, onFailure: (error: Error) => void): void {
    this.breakage.begin(() => this.#run(fault), onFailure)
  }

  async #run({ kind, victim, strength }: PlannedFault<FaultKind>): Promise<void> {
    const { breakage } = this
    const { relays, producers, receivers, crew } = this.#fleet
    switch (kind) {
      case 'kill-relay': return breakage.kill(relays, victim, 'random')
      case 'kill-producer': return breakage.kill(producers, victim, 'producer')
      case 'pause-relay': return breakage.pause(relays, victim, (0.5 + 2.5 * strength) * LEASE_MS)
      case 'receiver-fail': case 'receiver-hold':
        breakage.counts.receiverFaults += 1
        return crew.tell(receivers, { kind: kind === 'receiver-fail' ? 'fail' : 'hold', ...inMs(kind) })
      case 'clock': return this.#stepClock(victim, strength)
      case 'restart': return breakage.restartServer()
      case 'terminate-relay': return breakage.terminate('chaos-relay', victim)
      case 'terminate-producer': return breakage.terminate('chaos-producer', victim)
      // Only producers can lose one, and that delays nothing.
      case 'lost-reply': return breakage.loseReply(0)
      default: return breakage.dieAt(relays, victim, kind)
    }
  }

  /** Where the store's clock is its own, the processes' means nothing: that is no fault, and explains nothing. */
  async #stepClock(victim: number, strength: number): Promise<void> {
    const { relays, producers, crew } = this.#fleet
    this.breakage.counts.clockSteps += 1
    if (this.#stage.store === 'sqlite') {
      const byMs = choose(STORE_STEPS, strength) ?? 0
      this.breakage.write(`clock stepped by ${byMs} ms`, now(), now() + AFTERMATH_MS + Math.max(0, -byMs))
      return crew.stepClock(byMs)
    }
    const slot = choose([...relays, ...producers], victim)
    slot?.process.send({ kind: 'clock', offsetMs: choose(WALL_STEPS, strength) ?? 0 })
    await new Promise((resolve) => { setTimeout(resolve, STEPPED_FOR_MS) })
    slot?.process.send({ kind: 'clock', offsetMs: 0 })
  }
}

function inMs(kind: 'receiver-fail' | 'receiver-hold'): { readonly ms: number } {
  return { ms: RECEIVER_MS[kind === 'receiver-fail' ? 'fail' : 'hold'] }
}
