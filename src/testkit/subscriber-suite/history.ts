/**
 * One random history: a feed that is committed to, reset and deleted, and its subscriber, which is run now and then
 * with a start, a policy and a failure at random. What it delivers is compared with what a plain model says.
 */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import type { ChangeDraft } from '../../feeds/changes.js'
import type { GapReport, RecoveryPolicy } from '../../feeds/feed-recovery.js'
import { rowSignature } from '../../feeds/signature.js'
import type { SubscriberStart } from '../../feeds/subscriber-options.js'
import { FeedModel, type ModelProducer } from '../feed-suite/model.js'
import { producerOf, type Producer } from '../feed-suite/producer.js'
import type { SeededRandom } from '../random.js'
import type { Process, SubscriberContext } from './context.js'

const STEPS = 20
const CAPACITIES = [1, 3, 5, 50]

interface Run {
  readonly start: SubscriberStart
  readonly recovery: RecoveryPolicy
  /** Which call of the handler fails and ends the run; 0 when none does. */
  readonly failsAt: number
}

type ExpectedGap = readonly [
  reason: GapReport['reason'], action: GapReport['action'], from: number | undefined, to: number | undefined,
]

/** What a run is to show. */
interface Expected {
  readonly calls: number[]
  /** Sequence, and whether it stands for what was lost. */
  readonly snapshots: (readonly [number, boolean])[]
  readonly gaps: ExpectedGap[]
  error: 'FEED_GAP' | 'DELIVERY_FAILED' | undefined
}

/** How far the subscriber is. Of age −1: the feed was not there when it came. */
interface Place {
  readonly age: number
  readonly sequence: number
}

const NOT_THERE: Place = { age: -1, sequence: 0 }

export class SubscriberHistory {
  readonly steps: string[] = []
  readonly #context: SubscriberContext
  readonly #random: SeededRandom
  readonly #name: string
  readonly #model = new FeedModel()
  #place: Place | undefined
  /** What the handlers made of what they got: rows by signature; undefined once results are lost to it. */
  #cache: Map<bigint, unknown> | undefined
  #value = 0

  constructor(context: SubscriberContext, random: SeededRandom, name: string) {
    this.#context = context
    this.#random = random
    this.#name = name
  }

  async run(): Promise<void> {
    const moves = [() => this.#commit(), () => this.#commit(), () => this.#commit(), () => this.#follow(),
      () => this.#follow(), () => this.#end()]
    for (let step = 0; step < STEPS; step += 1) await this.#random.pick(moves)()
    await this.#runOnce({ start: 'head', recovery: 'auto_reset', failsAt: 0 })
  }

  async #commit(): Promise<void> {
    const { producer, commit } = this.#randomProducer()
    const results = Array.from({ length: this.#random.integer(1, 4) }, () => (
      Array.from({ length: this.#random.integer(1, 3) }, () => this.#randomChange())))
    this.steps.push(`commit ${results.length}, ${producer.capacity} kept`)
    await commit(results)
    assert.ok(this.#model.commit(producer, results))
  }

  /** Less often than other moves: behind it little is lost. */
  async #end(): Promise<void> {
    const move = this.#random.pick(['reset', 'delete', 'nothing'] as const)
    this.steps.push(move)
    if (move === 'nothing') return
    const made = this.#randomProducer()
    await made[move]()
    if (move === 'reset') this.#model.reset(made.producer)
    else if (this.#model.isThere) this.#model.delete()
  }

  #follow(): Promise<void> {
    const random = this.#random
    const recovery = random.pick(['strict', 'auto_reset', 'auto_skip_gap'] as const)
    const starts = ['head', 'earliest', 'snapshot'] as const
    return this.#runOnce({
      // Who skips has no use for a snapshot.
      start: random.pick(recovery === 'auto_skip_gap' ? starts.slice(0, 2) : starts), recovery,
      failsAt: random.next() < 0.3 ? random.integer(1, 3) : 0,
    })
  }

  async #runOnce(run: Run): Promise<void> {
    this.steps.push(`follow: ${run.start}, ${run.recovery}${run.failsAt > 0 ? `, call ${run.failsAt} fails` : ''}`)
    const expected = this.#expect(run)
    const gaps: GapReport[] = []
    const process = this.#process(run, gaps)
    const error = await process.subscriber.drain().then(() => undefined, (reason: unknown) => reason)
    await process.subscriber.stop()
    if (expected.error === undefined) assert.equal(error, undefined)
    else assert.ok(isWaybillError(error, expected.error), String(error))
    assert.deepEqual(process.calls, expected.calls.map((sequence) => `${this.#name}:${sequence}`))
    assert.deepEqual(process.snapshots.map(({ sequence, isReset }) => [Number(sequence), isReset]), expected.snapshots)
    assert.deepEqual(gaps.map(({ reason, action, lost }) => (
      [reason, action, lost && Number(lost.from), lost && Number(lost.to)])), expected.gaps)
    await this.#compareCheckpoint()
    if (expected.error !== undefined || this.#cache === undefined || !this.#model.isThere) return
    assert.deepEqual(this.#cache, new Map([...this.#model.rows].map(([key, value]) => [rowSignature(key), value])))
  }

  /** Moves the model's place and cache, as the run is to do. */
  #expect({ start, recovery, failsAt }: Run): Expected {
    const model = this.#model
    const expected: Expected = { calls: [], snapshots: [], gaps: [], error: undefined }
    if (!model.isThere) {
      if (start === 'head') this.#place ??= NOT_THERE
      return expected
    }
    const isBegun = this.#place !== undefined
    if (this.#place?.age === NOT_THERE.age) this.#begin(0)
    if (this.#place === undefined && start === 'snapshot') this.#take(expected, false)
    else if (this.#place === undefined) this.#begin(start === 'head' ? model.sequence : model.first - 1)
    if (isBegun && this.#isGap(expected, recovery)) {
      expected.error = recovery === 'strict' ? 'FEED_GAP' : undefined
      if (recovery === 'strict') return expected
      if (recovery === 'auto_reset') this.#take(expected, true)
      else this.#begin(model.first - 1, undefined)
    }
    for (const [sequence] of model.after(this.#place?.sequence ?? 0) ?? []) {
      expected.calls.push(sequence)
      if (expected.calls.length === failsAt) {
        expected.error = 'DELIVERY_FAILED'
        return expected
      }
      this.#place = { age: model.age, sequence }
    }
    return expected
  }

  #isGap(expected: Expected, recovery: RecoveryPolicy): boolean {
    const { age, sequence, first } = this.#model
    const place = this.#place ?? assert.fail('it is nowhere')
    const reason = place.age !== age ? 'reset' : place.sequence + 1 < first ? 'evicted' : undefined
    if (reason === undefined) return false
    const from = reason === 'evicted' ? place.sequence + 1 : 1
    const to = recovery === 'auto_reset' ? sequence : first - 1
    const action = ({ strict: 'stopped', auto_reset: 'reset', auto_skip_gap: 'skipped' } as const)[recovery]
    expected.gaps.push(from <= to ? [reason, action, from, to] : [reason, action, undefined, undefined])
    return true
  }

  /** With an empty cache, which is whole where nothing was before. */
  #begin(sequence: number, cache: Map<bigint, unknown> | undefined = sequence === 0 ? new Map() : undefined): void {
    this.#place = { age: this.#model.age, sequence }
    this.#cache = cache
  }

  /** The cache is filled by the handler. */
  #take(expected: Expected, isReset: boolean): void {
    const { age, sequence } = this.#model
    expected.snapshots.push([sequence, isReset])
    this.#place = { age, sequence }
  }

  #process({ start, recovery, failsAt }: Run, gaps: GapReport[]): Process {
    let calls = 0
    const takesSnapshots = start === 'snapshot' || recovery === 'auto_reset'
    const process = this.#context.process({
      id: this.#name, feeds: [this.#name], start, recovery, onFailure: 'stop', maxAttempts: 1, concurrency: 1,
      onGap: (report) => gaps.push(report),
      onResult: ({ changes }) => {
        calls += 1
        if (calls === failsAt) throw new Error('no room')
        for (const { op, signature, after } of changes) {
          if (op === 'delete') this.#cache?.delete(signature)
          else if (op !== 'noop') this.#cache?.set(signature, after)
        }
      },
      // The context has read the rows.
      ...(takesSnapshots && { onSnapshot: () => { this.#cache = new Map(process.snapshots.at(-1)?.rows) } }),
    })
    return process
  }

  async #compareCheckpoint(): Promise<void> {
    const { checkpoints } = this.#context.store
    const [state] = (await checkpoints.list({ after: '', limit: 1_000 }))
      .filter(({ subscriber }) => subscriber.endsWith(this.#name))
    const stored = state?.checkpoints[0]
    assert.equal(stored && Number(stored.sequence), this.#place?.sequence, 'checkpoint')
  }

  #randomProducer(): Producer & { readonly producer: ModelProducer } {
    const producer = { config: 'a', capacity: this.#random.pick(CAPACITIES), onConfigChange: 'refuse' } as const
    return { ...producerOf(this.#context.store.feeds, this.#name, producer, false), producer }
  }

  #randomChange(): ChangeDraft {
    const op = this.#random.pick(['add', 'update', 'aggregation', 'delete', 'noop'] as const)
    if (op === 'noop') return { op }
    this.#value += 1
    return { op, key: this.#random.integer(1, 6), ...(op !== 'delete' && { after: this.#value }) }
  }
}
