/** The places at which a relay's process can be told to kill itself. */
import type { KillPoint } from './plan.js'

export class KillPoints {
  #armed: KillPoint | undefined

  arm(point: KillPoint | undefined): void {
    this.#armed = point
  }

  isArmed(point: KillPoint): boolean {
    return this.#armed === point
  }

  /** Does not return when the point is armed. */
  reach(point: KillPoint): void {
    if (this.#armed !== point) return
    process.kill(process.pid, 'SIGKILL')
    // The signal may take a moment; nothing may happen in it.
    for (;;);
  }
}
