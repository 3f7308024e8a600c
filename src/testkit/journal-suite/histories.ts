/** `journal-history-*`: random histories, each step compared with the model. A failure names its seed and steps. */
import assert from 'node:assert/strict'
import { describeError, isWaybillError } from '../../core/errors.js'
import { forEachSeed, type SeededRandom } from '../random.js'
import type { JournalCase } from './case.js'
import { idsOf, outcomeOf, type JournalContext } from './context.js'
import type { Follower } from './follower.js'
import { JournalModel, type ModelAppend } from './model.js'

const STEPS = 60
const STREAMS = ['a', 'b', 'c']
const TAGS = ['red', 'blue']

export const historyCases: readonly JournalCase[] = [
  {
    id: 'journal-history-1', title: 'random histories agree with the model',
    run: (context) => forEachSeed(context.seeds(context.options.histories), async (random) => {
      const own = await context.fork()
      const history = new History(own, random)
      try {
        await history.run()
      } catch (cause) {
        throw new Error(`${describeError(cause)}\nafter ${history.steps.join(', ')}`, { cause })
      } finally {
        await own.close()
      }
    }),
  },
]

class History {
  readonly steps: string[] = []
  readonly #context: JournalContext
  readonly #random: SeededRandom
  readonly #model = new JournalModel()
  readonly #followers: readonly { readonly follower: Follower; readonly tag: string | undefined }[]

  constructor(context: JournalContext, random: SeededRandom) {
    this.#context = context
    this.#random = random
    this.#followers = [
      { follower: context.follower({ limit: 2 }), tag: undefined },
      { follower: context.follower({ limit: 3, tag: 'red' }), tag: 'red' },
    ]
  }

  async run(): Promise<void> {
    const moves = [
      () => this.#append(), () => this.#append(), () => this.#append(), () => this.#delete(), () => this.#follow(),
      () => this.#follow(),
    ]
    for (let step = 0; step < STEPS; step += 1) await this.#random.pick(moves)()
    await this.#compare()
  }

  async #append(): Promise<void> {
    const append = this.#randomAppend()
    const { drafts, expected, key } = append
    const rollsBack = this.#random.next() < 0.2
    const answer = this.#model.answer(append)
    this.steps.push(`append ${drafts.map(({ stream }) => stream).join('+')} expecting ${JSON.stringify(expected)} `
      + `key ${key ?? 'none'} (${answer})${rollsBack ? ' and roll back' : ''}`)
    const transaction = await this.#context.begin()
    const outcome = await outcomeOf(this.#context.journal.append(transaction.tx, drafts, {
      ...(Object.keys(expected).length > 0 ? { expectedSequence: expected } : {}), idempotencyKey: key,
    }))
    await (rollsBack ? transaction.rollback() : transaction.commit())
    if ('error' in outcome) {
      assert.ok(isWaybillError(outcome.error) && outcome.error.code === answer, String(outcome.error))
      return
    }
    assert.equal(outcome.value.created ? 'created' : 'repeated', answer)
    const ids = idsOf(outcome.value.events)
    if (answer === 'repeated') assert.deepEqual(ids, this.#model.idsOf(key ?? ''))
    else if (!rollsBack) this.#model.append(append, ids)
  }

  async #delete(): Promise<void> {
    const [stream, sequence] = [this.#random.pick(STREAMS), this.#random.integer(0, 12)]
    this.steps.push(`delete ${stream} to ${sequence}`)
    await this.#context.journal.deleteTo(stream, sequence)
    this.#model.deleteTo(stream, sequence)
  }

  async #follow(): Promise<void> {
    const { follower, tag } = this.#random.pick(this.#followers)
    this.steps.push(`follow ${tag ?? 'all'}`)
    await follower.page()
    const expected = this.#expectedOf(tag)
    assert.deepEqual(idsOf(follower.events), expected.slice(0, follower.events.length))
  }

  async #compare(): Promise<void> {
    const { journal } = this.#context
    for (const { follower, tag } of this.#followers) {
      await follower.poll()
      assert.deepEqual(idsOf(follower.events), this.#expectedOf(tag))
    }
    for (const stream of STREAMS) {
      const events = (await journal.read(stream)).map(({ id, sequence, tags, payload }) => (
        { id, stream, sequence, tags, payload: Buffer.from(payload).toString() }))
      assert.deepEqual(events, this.#model.read(stream))
      assert.equal(await journal.highestSequence(stream), BigInt(this.#model.highest(stream)))
    }
    assert.deepEqual((await journal.streams()).map(({ stream }) => stream), this.#model.streams())
  }

  #expectedOf(tag: string | undefined): string[] {
    return idsOf(this.#model.events.filter(({ tags }) => tag === undefined || tags.includes(tag)))
  }

  #randomAppend(): ModelAppend {
    const random = this.#random
    const drafts = Array.from({ length: random.integer(1, 4) }, () => ({
      stream: random.pick(STREAMS), type: 't', payload: random.integer(1, 2),
      tags: TAGS.filter(() => random.next() < 0.4),
    }))
    const streams = [...new Set(drafts.map(({ stream }) => stream))].filter(() => random.next() < 0.3)
    return {
      drafts,
      expected: Object.fromEntries(streams.map((stream) =>
        [stream, random.next() < 0.7 ? this.#model.highest(stream) : random.integer(0, 5)])),
      key: random.next() < 0.3 ? `key-${random.integer(1, 4)}` : undefined,
    }
  }
}
