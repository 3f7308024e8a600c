/** A source in memory whose every call can be held up, failed or answered otherwise. */
import { Gate } from '../../src/runner/gate.js'
import type { RunnerOptions } from '../../src/runner/options.js'
import type { RunnerEventName, RunnerEvents } from '../../src/runner/report.js'
import type { Answer, Outcome, PulledBatch, RunnerItem, Source } from '../../src/runner/source.js'

export type FakeBatch = PulledBatch<RunnerItem>

const ANSWERS = { ack: 'delivered', retry: 'requeued', dead: 'dead_lettered', release: 'released' } as const

export function item(id: string, facts: Partial<RunnerItem> = {}): RunnerItem {
  return { id, attempt: 1, bytes: 1, ageMs: 0, ...facts }
}

export function items(count: number, prefix = 'i'): RunnerItem[] {
  return Array.from({ length: count }, (_, index) => item(`${prefix}${index}`))
}

export class FakeSource implements Source<FakeBatch, RunnerItem> {
  readonly due: RunnerItem[]
  chainsAwaitAnswers = true
  leaseMs = 30_000
  /** Ids that come alone, as suspects. */
  readonly solo = new Set<string>()
  /** Claims that somebody else has by now. */
  readonly lost = new Set<string>()
  /** Outcomes that took effect, in order. */
  readonly settled: Outcome[] = []
  readonly calls = { pull: 0, settle: 0, extend: 0 }
  readonly limits: number[] = []
  private readonly gate = new Gate()

  /** What each call does first; `call` counts from 1. */
  onPull: (call: number) => Promise<void> | void = () => {}
  onSettle: (call: number, outcomes: readonly Outcome[]) => Promise<void> | void = () => {}
  onExtend: (call: number) => Promise<void> | void = () => {}

  constructor(due: readonly RunnerItem[] = []) {
    this.due = [...due]
  }

  until(condition: () => boolean): Promise<void> {
    return this.gate.until(condition)
  }

  /** Call after changing what a condition looks at. */
  check(): void {
    this.gate.check()
  }

  ids(kind: Outcome['kind']): string[] {
    return this.settled.filter((outcome) => outcome.kind === kind).map(({ id }) => id)
  }

  async pull(limit: number): Promise<FakeBatch | null> {
    const call = this.calls.pull += 1
    this.limits.push(limit)
    this.check()
    await this.onPull(call)
    const first = this.due[0]
    if (first === undefined) return null
    const solo = this.solo.has(first.id)
    const next = this.due.findIndex(({ id }) => this.solo.has(id))
    const taken = this.due.splice(0, solo ? 1 : Math.min(limit, next === -1 ? limit : next))
    return { id: `claim-${call}`, items: taken, leaseMs: this.leaseMs, solo }
  }

  async settle(batch: FakeBatch, outcomes: readonly Outcome[]): Promise<readonly Answer[]> {
    const call = this.calls.settle += 1
    this.check()
    await this.onSettle(call, outcomes)
    if (this.lost.has(batch.id)) return outcomes.map(() => 'lost_claim')
    this.settled.push(...outcomes)
    // After the runner has heard the answer.
    setImmediate(() => this.check())
    return outcomes.map(({ kind }) => ANSWERS[kind])
  }

  async extend(batch: FakeBatch): Promise<boolean> {
    const call = this.calls.extend += 1
    this.check()
    await this.onExtend(call)
    return !this.lost.has(batch.id)
  }
}

export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export function deferred<T = void>(): Deferred<T> {
  let resolve: Deferred<T>['resolve'] = () => {}
  let reject: Deferred<T>['reject'] = () => {}
  const promise = new Promise<T>((...both) => [resolve, reject] = both)
  return { promise, resolve, reject }
}

/** A deliver function whose calls wait until the test ends them one by one. */
export class HeldDeliveries {
  readonly started: string[] = []
  /** The most that were under way at once. */
  peak = 0
  private readonly open = new Map<string, Deferred<void>>()
  private readonly gate = new Gate()

  readonly deliver = ({ id }: { readonly id: string }): Promise<void> => {
    const held = deferred()
    this.started.push(id)
    this.open.set(id, held)
    this.peak = Math.max(this.peak, this.open.size)
    this.gate.check()
    return held.promise
  }

  get underWay(): string[] {
    return [...this.open.keys()]
  }

  untilStarted(count: number): Promise<void> {
    return this.gate.until(() => this.started.length >= count)
  }

  end(id: string, error?: Error): void {
    const held = this.open.get(id)!
    this.open.delete(id)
    if (error === undefined) held.resolve()
    else held.reject(error)
  }

  endAll(): void {
    for (const id of this.underWay) this.end(id)
  }
}

interface Listened {
  on<Name extends RunnerEventName>(name: Name, listener: (event: RunnerEvents[Name]) => unknown): () => void
}

/** The next event of that name. */
export function next<Name extends RunnerEventName>(
  runner: Listened, name: Name,
): Promise<RunnerEvents[Name]> {
  return new Promise((resolve) => {
    const off = runner.on(name, (event) => {
      off()
      resolve(event)
    })
  })
}

/** Enough turns of the event loop for whatever is ready to happen to have happened. */
export async function settleDown(turns = 5): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** A clock that moves only when told, for leases and timeouts. */
export class ManualTime {
  now = 1_000

  get options(): Pick<RunnerOptions, 'time'> {
    return { time: { monotonicMs: () => this.now, random: () => 0.5 } }
  }
}
