/** The feed as one would explain it: lists, without concurrency. What stores answer is compared with it. */
import type { ChangeDraft } from '../../feeds/changes.js'

export interface ModelProducer {
  readonly config: string
  readonly capacity: number
  readonly onConfigChange: 'refuse' | 'reset'
}

export type ModelRow = readonly [key: number, value: unknown]

export class FeedModel {
  config: string | undefined
  /** Grows with each beginning. */
  age = 0
  sequence = 0
  first = 1
  readonly results = new Map<number, readonly ChangeDraft[]>()
  readonly rows = new Map<number, unknown>()

  get isThere(): boolean {
    return this.config !== undefined
  }

  /** False when it is refused. Commits of nothing but noop are none. */
  commit(producer: ModelProducer, results: readonly (readonly ChangeDraft[])[]): boolean {
    const advancing = results.filter((changes) => changes.some(({ op }) => op !== 'noop'))
    if (advancing.length === 0) return true
    if (!this.#ready(producer)) return false
    for (const changes of advancing) {
      this.sequence += 1
      this.results.set(this.sequence, changes)
      for (const { op, key, after } of changes) {
        if (op === 'delete') this.rows.delete(Number(key))
        else if (op !== 'noop') this.rows.set(Number(key), after)
      }
    }
    this.#evict(producer.capacity)
    return true
  }

  /** As `commit`. */
  bootstrap(producer: ModelProducer, rows: readonly ModelRow[]): boolean {
    if (rows.length === 0) return true
    if (!this.#ready(producer)) return false
    for (const [key, value] of rows) this.rows.set(key, value)
    this.#evict(producer.capacity)
    return true
  }

  reset({ config }: ModelProducer): void {
    this.delete()
    this.config = config
  }

  delete(): void {
    this.config = undefined
    this.age += 1
    this.sequence = 0
    this.first = 1
    this.results.clear()
    this.rows.clear()
  }

  /** Undefined stands for a gap. */
  after(sequence: number): readonly (readonly [number, readonly ChangeDraft[]])[] | undefined {
    return sequence + 1 < this.first ? undefined : [...this.results].filter(([number]) => number > sequence)
  }

  copy(): FeedModel {
    const copy = new FeedModel()
    const { config, age, sequence, first } = this
    Object.assign(copy, { config, age, sequence, first })
    for (const [number, changes] of this.results) copy.results.set(number, changes)
    for (const [key, value] of this.rows) copy.rows.set(key, value)
    return copy
  }

  #ready({ config, onConfigChange }: ModelProducer): boolean {
    if (this.config === undefined) this.config = config
    else if (this.config !== config) {
      if (onConfigChange === 'refuse') return false
      this.reset({ config } as ModelProducer)
    }
    return true
  }

  #evict(capacity: number): void {
    this.first = Math.max(this.first, this.sequence - capacity + 1)
    for (const number of this.results.keys()) if (number < this.first) this.results.delete(number)
  }
}
