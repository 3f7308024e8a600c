/** The places at which a process can be told to kill itself. */
export class KillPoints<Point extends string> {
  #armed: Point | undefined

  arm(point: Point | undefined): void {
    this.#armed = point
  }

  isArmed(point: Point): boolean {
    return this.#armed === point
  }

  /** Does not return when the point is armed. */
  reach(point: Point): void {
    if (this.#armed !== point) return
    process.kill(process.pid, 'SIGKILL')
    // The signal may take a moment; nothing may happen in it.
    for (;;);
  }
}
