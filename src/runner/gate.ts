/** Where to wait for a condition of synchronous state; whoever changes the state calls `check`. */
export class Gate {
  private waiting: { readonly condition: () => boolean; readonly open: () => void }[] = []

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((open) => this.waiting.push({ condition, open }))
  }

  check(): void {
    if (!this.waiting.some(({ condition }) => condition())) return
    this.waiting = this.waiting.filter(({ condition, open }) => {
      if (!condition()) return true
      open()
      return false
    })
  }
}
