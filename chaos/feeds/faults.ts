/** What the schedule's faults do to the feeds' run. */
import { Breakage } from '../faults/breakage.js'
import { choose, type PlannedFault } from '../faults/schedule.js'
import { AFTERMATH_MS, LEASE_MS } from '../plan.js'
import type { Stage } from '../stage/stage.js'
import { activeOf, type Fleet } from './fleet.js'
import { PRODUCER_POINTS, type KillPoint } from './plan.js'

export type FaultKind =
  | KillPoint | 'kill-subscriber' | 'kill-producer' | 'pause-subscriber' | 'restart-subscribers' | 'receiver-fail'
  | 'receiver-hold' | 'lost-save'
  /** These need a server. */
  | 'restart' | 'terminate-subscriber' | 'terminate-producer' | 'lost-reply'

const RECEIVER_MS = { fail: 400, hold: 200 } as const

export class FaultRunner {
  readonly breakage: Breakage
  /** How often all subscribers were stopped in order and started anew, which explains nothing. */
  subscriberRestarts = 0
  /** How often a process was told to lose the answer to its next save. That explains nothing either. */
  lostSaves = 0
  readonly #stage: Stage
  readonly #fleet: Fleet

  constructor(stage: Stage, fleet: Fleet) {
    this.#stage = stage
    this.#fleet = fleet
    this.breakage = new Breakage({ journal: fleet.crew.journal, server: stage.server })
  }

  begin(fault: PlannedFault<FaultKind>, onFailure: (error: Error) => void): void {
    this.breakage.begin(() => this.#run(fault), onFailure)
  }

  async #run({ kind, victim, strength }: PlannedFault<FaultKind>): Promise<void> {
    const { breakage } = this
    const { subscribers, takers, producers, receivers, crew } = this.#fleet
    switch (kind) {
      case 'kill-subscriber': return breakage.kill(subscribers, victim, 'random')
      case 'kill-producer': return breakage.kill(producers, victim, 'producer')
      // Always past the lease.
      case 'pause-subscriber': return breakage.pause(activeOf(subscribers), victim, (1.1 + 1.4 * strength) * LEASE_MS)
      case 'restart-subscribers': return breakage.withAll(subscribers, async () => {
        await crew.restart(subscribers)
        this.subscriberRestarts += 1
      })
      case 'receiver-fail': case 'receiver-hold': {
        breakage.counts.receiverFaults += 1
        const mode = kind === 'receiver-fail' ? 'fail' : 'hold'
        return crew.tell(receivers, { kind: mode, ...{ ms: RECEIVER_MS[mode] } })
      }
      case 'lost-save': {
        const slot = choose(activeOf(subscribers)(), victim)
        if (slot === undefined) breakage.counts.missed += 1
        else this.lostSaves += 1
        return slot?.process.send<{ kind: 'lose' }>({ kind: 'lose' })
      }
      case 'restart': return breakage.restartServer()
      case 'terminate-subscriber': return breakage.terminate('chaos-subscriber', victim)
      case 'terminate-producer': return breakage.terminate('chaos-producer', victim)
      // A subscriber that loses one does not know whether it is it. On Redis it loses none.
      case 'lost-reply': return breakage.loseReply(this.#stage.store === 'redis' ? 0 : AFTERMATH_MS)
      case 'during-snapshot': return breakage.dieAt(activeOf(takers), victim, kind)
      default: return breakage.dieAt(isProducers(kind) ? producers : activeOf(subscribers), victim, kind)
    }
  }
}

function isProducers(kind: KillPoint): boolean {
  return PRODUCER_POINTS.some((point) => point === kind)
}
