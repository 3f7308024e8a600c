/** What the schedule's faults do to the inbox's run. */
import { Breakage } from '../faults/breakage.js'
import type { PlannedFault } from '../faults/schedule.js'
import { AFTERMATH_MS, LEASE_MS } from '../plan.js'
import type { Stage } from '../stage/stage.js'
import type { Fleet } from './fleet.js'
import type { KillPoint } from './plan.js'

export type FaultKind =
  | KillPoint | 'kill-consumer' | 'pause-consumer'
  /** These need a server. */
  | 'restart' | 'terminate-consumer' | 'lost-reply'

export class FaultRunner {
  readonly breakage: Breakage
  readonly #fleet: Fleet

  constructor(stage: Stage, fleet: Fleet) {
    this.#fleet = fleet
    this.breakage = new Breakage({ journal: fleet.crew.journal, server: stage.server })
  }

  begin(fault: PlannedFault<FaultKind>, onFailure: (error: Error) => void): void {
    this.breakage.begin(() => this.#run(fault), onFailure)
  }

  async #run({ kind, victim, strength }: PlannedFault<FaultKind>): Promise<void> {
    const { breakage } = this
    const { consumers } = this.#fleet
    switch (kind) {
      case 'kill-consumer': return breakage.kill(consumers, victim, 'random')
      // Whatever it holds, it holds for so long.
      case 'pause-consumer': return breakage.pause(consumers, victim, (0.3 + strength) * LEASE_MS)
      case 'restart': return breakage.restartServer()
      case 'terminate-consumer': return breakage.terminate('chaos-consumer', victim)
      case 'lost-reply': return breakage.loseReply(AFTERMATH_MS)
      default: return breakage.dieAt(consumers, victim, kind)
    }
  }
}
