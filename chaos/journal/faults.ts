/** What the schedule's faults do to the journal's run. */
import { Breakage } from '../faults/breakage.js'
import type { PlannedFault } from '../faults/schedule.js'
import { AFTERMATH_MS, LEASE_MS } from '../plan.js'
import type { Stage } from '../stage/stage.js'
import type { Fleet } from './fleet.js'
import type { KillPoint } from './plan.js'

export type FaultKind =
  | KillPoint | 'kill-publisher' | 'kill-producer' | 'pause-publisher' | 'restart-publishers' | 'receiver-fail'
  | 'receiver-hold'
  /** These need a server. */
  | 'restart' | 'terminate-publisher' | 'terminate-producer' | 'lost-reply'

const RECEIVER_MS = { fail: 400, hold: 200 } as const

export class FaultRunner {
  readonly breakage: Breakage
  /** How often all publishers were stopped in order and started anew, which explains nothing. */
  publisherRestarts = 0
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
    const { publishers, producers, receivers, crew } = this.#fleet
    switch (kind) {
      case 'kill-publisher': return breakage.kill(publishers, victim, 'random')
      case 'kill-producer': return breakage.kill(producers, victim, 'producer')
      // Always past the lease.
      case 'pause-publisher': return breakage.pause(publishers, victim, (1.1 + 1.4 * strength) * LEASE_MS)
      case 'restart-publishers': return breakage.withAll(publishers, async () => {
        await crew.restart(publishers)
        this.publisherRestarts += 1
      })
      case 'receiver-fail': case 'receiver-hold': {
        breakage.counts.receiverFaults += 1
        const mode = kind === 'receiver-fail' ? 'fail' : 'hold'
        return crew.tell(receivers, { kind: mode, ...{ ms: RECEIVER_MS[mode] } })
      }
      case 'restart': return breakage.restartServer()
      case 'terminate-publisher': return breakage.terminate('chaos-publisher', victim)
      case 'terminate-producer': return breakage.terminate('chaos-producer', victim)
      // A publisher that loses one does not know what it owns.
      case 'lost-reply': return breakage.loseReply(AFTERMATH_MS)
      default: return breakage.dieAt(publishers, victim, kind)
    }
  }
}
