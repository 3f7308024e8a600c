/** This process's wall clock, which can be stepped. What never jumps (performance.now, timers) is left alone. */
export class SteppedClock {
  #offsetMs: number

  constructor(offsetMs: number) {
    this.#offsetMs = offsetMs
    const System = Date
    const systemNow = Date.now.bind(Date)
    const now = (): number => systemNow() + this.#offsetMs
    const Stepped = new Proxy(System, {
      construct: (target, args: unknown[], newTarget) =>
        Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget) as object,
      get: (target, name, receiver) => (name === 'now' ? now : Reflect.get(target, name, receiver) as unknown),
    })
    globalThis.Date = Stepped
  }

  step(offsetMs: number): void {
    this.#offsetMs = offsetMs
  }
}
