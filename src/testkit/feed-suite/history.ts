/** One random history of one feed: what two committers do with it, and what is read meanwhile. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { ChangeDraft } from '../../feeds/changes.js'
import type { CommitResult, FeedPlace } from '../../feeds/feed.js'
import { rowSignature } from '../../feeds/signature.js'
import type { FeedSnapshot } from '../../feeds/snapshot.js'
import type { SeededRandom } from '../random.js'
import { outcomeOf, type FeedContext } from './context.js'
import { FeedModel, type ModelProducer, type ModelRow } from './model.js'
import { producerOf, RolledBack, rowsOf, type Producer } from './producer.js'

const STEPS = 30
const CAPACITIES = [1, 2, 3, 5, 50]

interface OpenSnapshot {
  readonly snapshot: FeedSnapshot
  /** What was there when it was begun. */
  readonly model: FeedModel
}

export class FeedHistory {
  readonly steps: string[] = []
  readonly #context: FeedContext
  readonly #random: SeededRandom
  readonly #name: string
  readonly #model = new FeedModel()
  /** Of the model's ages that were read. */
  readonly #incarnations = new Map<number, string>()
  #value = 0
  #reading: OpenSnapshot | undefined

  constructor(context: FeedContext, random: SeededRandom, name: string) {
    this.#context = context
    this.#random = random
    this.#name = name
  }

  async run(): Promise<void> {
    const moves = [
      () => this.#commit(), () => this.#commit(), () => this.#commit(), () => this.#race(), () => this.#after(),
      () => this.#after(), () => this.#bootstrap(), () => this.#end(), () => this.#snapshot(),
    ]
    try {
      for (let step = 0; step < STEPS; step += 1) await this.#random.pick(moves)()
      if (this.#reading !== undefined) await this.#snapshot()
    } finally {
      await this.#reading?.snapshot.close()
    }
    await this.compare()
  }

  /** All that there is. */
  async compare(): Promise<void> {
    const { feed } = this.#producer(this.#randomProducer(), this.#context.store)
    const model = this.#model
    const state = await feed.state()
    assert.deepEqual(state && [Number(state.sequence), Number(state.first)],
      model.isThere ? [model.sequence, model.first] : undefined)
    assert.deepEqual(await rowsOf(await feed.snapshot()), expectedRows(model))
    for (let sequence = 0; sequence <= model.sequence + 1; sequence += 1) await this.#compareAfter(sequence)
  }

  async #commit(): Promise<void> {
    const { capabilities } = this.#context.store
    const producer = this.#randomProducer()
    const results = this.#randomResults()
    const rollsBack = capabilities.transactions && this.#random.next() < 0.15
    this.#note(`commit ${results.map((changes) => changes.map(({ op, key }) => `${op} ${key}`).join('+')).join(' / ')}`
      + ` by ${show(producer)}${rollsBack ? ' and roll back' : ''}`)
    const model = rollsBack ? this.#model.copy() : this.#model
    const outcome = await outcomeOf(this.#producer(producer, this.#anyStore(), rollsBack).commit(results))
    const before = model.sequence
    if (!model.commit(producer, results)) return assertRefused(outcome)
    if ('error' in outcome) return assert.ok(rollsBack && outcome.error instanceof RolledBack, String(outcome.error))
    const advanced = results.some((changes) => changes.some(({ op }) => op !== 'noop'))
    assert.deepEqual(outcome.value, { advanced, sequence: advanced ? BigInt(model.sequence) : undefined },
      `before: ${before}`)
  }

  /** Two at once, of the same configuration; the numbers say who came first. */
  async #race(): Promise<void> {
    const model = this.#model
    const config = model.config ?? 'a'
    const both = [this.#context.store, this.#secondStore()].map((store) => {
      const producer = { ...this.#randomProducer(), config }
      return { store, producer, results: this.#randomResults() }
    })
    this.#note(`race ${both.map(({ producer, results }) => `${results.length} by ${show(producer)}`).join(' with ')}`)
    const done = await Promise.all(both.map(async ({ store, producer, results }) => ({
      producer, results, result: await this.#producer(producer, store).commit(results),
    })))
    for (const { producer, results, result } of done.toSorted((a, b) => placeOf(a.result) - placeOf(b.result))) {
      assert.ok(model.commit(producer, results))
      if (result.advanced) assert.equal(result.sequence, BigInt(model.sequence))
    }
  }

  async #bootstrap(): Promise<void> {
    const producer = this.#randomProducer()
    const rows = Array.from({ length: this.#random.integer(0, 4) }, (): ModelRow => [this.#key(), this.#next()])
    this.#note(`bootstrap ${rows.map(([key]) => key).join('+')} by ${show(producer)}`)
    const outcome = await outcomeOf(this.#producer(producer, this.#anyStore()).bootstrap(rows))
    if (!this.#model.bootstrap(producer, rows)) return assertRefused(outcome)
    assert.deepEqual(outcome, { value: rows.length })
  }

  /** Half as often as other moves: what is new has little in it. */
  async #end(): Promise<void> {
    const move = this.#random.pick(['reset', 'delete', 'nothing', 'nothing'])
    if (move === 'nothing') return
    const producer = this.#randomProducer()
    this.#note(`${move} by ${show(producer)}`)
    const { reset, delete: remove } = this.#producer(producer, this.#anyStore())
    if (move === 'reset') {
      await reset()
      this.#model.reset(producer)
      return
    }
    assert.equal(await remove(), this.#model.isThere)
    if (this.#model.isThere) this.#model.delete()
  }

  async #after(): Promise<void> {
    const sequence = this.#random.integer(0, this.#model.sequence + 2)
    this.#note(`after ${sequence}`)
    await this.#compareAfter(sequence)
  }

  async #compareAfter(sequence: number): Promise<void> {
    const model = this.#model
    const { feed } = this.#producer(this.#randomProducer(), this.#anyStore())
    const limit = this.#random.integer(1, 4)
    const changes = await feed.after(sequence, { limit })
    if (changes.kind === 'missing') return assert.equal(model.isThere, false)
    this.#checkPlace(changes)
    const expected = model.after(sequence)
    if (changes.kind === 'gap') {
      assert.equal(expected, undefined)
      assert.deepEqual([changes.reason, changes.requested, changes.earliest],
        ['evicted', BigInt(sequence), BigInt(model.first)])
    } else {
      const page = expected?.slice(0, limit) ?? assert.fail('no gap')
      const read = changes.results.map((result) => [Number(result.sequence), result.changes])
      assert.deepEqual(read, page.map(([number, drafts]) => [number, drafts.map(shownChange)]))
      assert.equal(changes.hasMore, (page.at(-1)?.[0] ?? sequence) < model.sequence)
    }
    const old = this.#incarnations.get(model.age - 1)
    if (old === undefined) return
    const other = await feed.after(sequence, { limit, incarnation: old })
    assert.deepEqual([other.kind, 'reason' in other && other.reason], ['gap', 'reset'])
  }

  /** An incarnation stays as long as the feed does, and is never used again. */
  #checkPlace({ incarnation, latest }: FeedPlace): void {
    const { age, sequence } = this.#model
    const known = this.#incarnations.get(age)
    if (known === undefined) assert.ok(![...this.#incarnations.values()].includes(incarnation), 'an old incarnation')
    else assert.equal(incarnation, known)
    this.#incarnations.set(age, incarnation)
    assert.equal(latest, BigInt(sequence))
  }

  /** Begins one, or reads the one that was begun some steps ago. */
  async #snapshot(): Promise<void> {
    const model = this.#model
    const reading = this.#reading
    if (reading === undefined) {
      this.#note('begin a snapshot')
      const snapshot = await this.#producer(this.#randomProducer(), this.#anyStore()).feed.snapshot()
      assert.equal(snapshot !== undefined, model.isThere)
      if (snapshot !== undefined) this.#reading = { snapshot, model: model.copy() }
      return
    }
    this.#note('read the snapshot')
    this.#reading = undefined
    const isExact = this.#context.store.capabilities.snapshots === 'exact'
    const expected = isExact ? reading.model : model
    const outcome = await outcomeOf(rowsOf(reading.snapshot))
    if ('error' in outcome) {
      assert.ok(!isExact && isWaybillError(outcome.error, 'FEED_OVERRUN'), String(outcome.error))
      return assert.ok(model.age !== reading.model.age || reading.model.sequence + 1 < model.first, 'not overrun')
    }
    assert.deepEqual(outcome.value, expectedRows(expected))
    assert.equal(reading.snapshot.sequence, BigInt(expected.sequence))
  }

  #producer(producer: ModelProducer, store = this.#context.store, rollsBack = false): Producer {
    return producerOf(store, this.#name, producer, rollsBack)
  }

  #randomProducer(): ModelProducer {
    const random = this.#random
    return {
      config: random.next() < 0.95 ? 'a' : 'b', capacity: random.pick(CAPACITIES),
      onConfigChange: random.pick(['refuse', 'reset']),
    }
  }

  #randomResults(): ChangeDraft[][] {
    return Array.from({ length: this.#random.integer(1, 3) }, () => (
      Array.from({ length: this.#random.integer(0, 4) }, () => this.#randomChange())))
  }

  #randomChange(): ChangeDraft {
    const op = this.#random.pick(['add', 'update', 'aggregation', 'delete', 'noop'] as const)
    if (op === 'noop') return { op }
    return { op, key: this.#key(), ...(op !== 'delete' && { after: this.#next() }) }
  }

  #key(): number {
    return this.#random.integer(1, 6)
  }

  #next(): unknown {
    this.#value += 1
    return this.#random.pick([this.#value, null, '', { n: this.#value }])
  }

  #anyStore(): FeedContext['store'] {
    return this.#random.next() < 0.5 ? this.#context.store : this.#secondStore()
  }

  #secondStore(): FeedContext['store'] {
    return this.#context.isReopened ? this.#context.store : this.#context.other
  }

  #note(step: string): void {
    this.steps.push(step)
  }
}

function shownChange({ op, key, after }: ChangeDraft): unknown {
  return { op, signature: op === 'noop' ? 0n : rowSignature(key), before: undefined, after }
}

function expectedRows({ isThere, rows }: FeedModel): Map<bigint, unknown> | undefined {
  return isThere ? new Map([...rows].map(([key, value]) => [rowSignature(key), value])) : undefined
}

/** What did not advance may come at any place. */
function placeOf({ sequence }: CommitResult): number {
  return Number(sequence ?? 0n)
}

function assertRefused(outcome: { value: unknown } | { error: unknown }): void {
  assert.ok('error' in outcome && isWaybillError(outcome.error, 'CONFIG_CHANGED'), 'it was not refused')
}

function show({ config, capacity, onConfigChange }: ModelProducer): string {
  return `${config} of ${capacity}, ${onConfigChange}`
}
