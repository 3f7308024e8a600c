/** `history-*`: random histories, each step compared with the model. A failure names its seed and steps. */
import assert from 'node:assert/strict'
import { describeError, isWaybillError } from '../../core/errors.js'
import type { SettleOutcome } from '../../outbox/contract.js'
import { forEachSeed, type SeededRandom } from '../random.js'
import type { OutboxCase } from './case.js'
import { draftOf, outcomeOf, type DraftPart, type OutboxContext } from './context.js'
import { OutboxModel } from './model.js'

const STEPS = 80

export const historyCases: readonly OutboxCase[] = [
  {
    id: 'history-1', title: 'random histories agree with the model, delivered messages retained',
    settings: { retainDeliveredMs: 2 ** 40 },
    run: (context) => randomHistories(context, true),
  },
  {
    id: 'history-2', title: 'random histories agree with the model, delivered messages deleted',
    settings: { retainDeliveredMs: 0 },
    run: (context) => randomHistories(context, false),
  },
]

/** Each seed on a store of its own. */
function randomHistories(context: OutboxContext, retains: boolean): Promise<void> {
  return forEachSeed(context.seeds(context.options.histories), async (random) => {
    const own = await context.fork({ retainDeliveredMs: retains ? 2 ** 40 : 0 })
    const history = new History(own, random, retains)
    try {
      await history.run()
    } catch (cause) {
      throw new Error(`${describeError(cause)}\nafter ${history.steps.join(', ')}`, { cause })
    } finally {
      await history.context.close()
    }
  })
}

class History {
  readonly context: OutboxContext
  readonly steps: string[] = []
  readonly #random: SeededRandom
  readonly #model: OutboxModel
  readonly #retains: boolean
  readonly #tokens = ['nobody']

  constructor(context: OutboxContext, random: SeededRandom, retains: boolean) {
    this.context = context
    this.#random = random
    this.#retains = retains
    this.#model = new OutboxModel(retains)
  }

  async run(): Promise<void> {
    const { context } = this
    const moves = [
      () => this.#enqueue(), () => this.#enqueue(), () => this.#claim(), () => this.#claim(),
      () => this.#settle(), () => this.#settle(), () => this.#settle(), () => this.#extend(),
      () => this.#advance(), () => this.#advance(), () => this.#purge(),
    ]
    for (let step = 0; step < STEPS; step += 1) {
      await this.#random.pick(moves)()
      this.#model.compare(await context.outbox.list({ limit: 1_000 }), context.clock.now())
    }
  }

  async #enqueue(): Promise<void> {
    const { context } = this
    const drafts = Array.from({ length: this.#random.integer(1, 4) }, () => draftOf(this.#draft()))
    const rollsBack = this.#random.next() < 0.2
    this.steps.push(`enqueue ${drafts.length}${rollsBack ? ' and roll back' : ''}`)
    const expectsConflict = this.#model.conflicts(drafts)
    const transaction = await context.begin()
    const outcome = await outcomeOf(context.outbox.enqueueMany(transaction.tx, drafts))
    await (rollsBack ? transaction.rollback() : transaction.commit())
    if ('error' in outcome) {
      assert.ok(expectsConflict && isWaybillError(outcome.error, 'CONFLICT'),
        `unexpected ${String(outcome.error)}`)
      return
    }
    assert.equal(expectsConflict, false, 'expected CONFLICT')
    if (!rollsBack) this.#model.enqueue(drafts, outcome.value, context.clock.now())
  }

  async #claim(): Promise<void> {
    const request = { limit: this.#random.integer(1, 5), leaseMs: this.#random.integer(1, 40) }
    this.steps.push(`claim ${request.limit} for ${request.leaseMs} ms`)
    const now = this.context.clock.now()
    const claim = await this.context.claim(request)
    for (const message of this.#model.expire(now)) {
      const seen = await this.context.outbox.get(message.id)
      if (seen?.status === 'dead_letter') this.#model.die(message, now)
    }
    this.#model.claim(claim, request, now)
    if (claim === null) return
    assert.equal(this.#tokens.includes(claim.token), false, 'a token was used before')
    this.#tokens.push(claim.token)
  }

  async #settle(): Promise<void> {
    const token = this.#token()
    const held = this.#model.messages.filter(({ claim }) => claim?.token === token)
    const others = this.#random.shuffle(this.#model.messages).slice(0, 1)
    const outcomes = this.#random.shuffle([...held, ...others]).slice(0, this.#random.integer(1, 4))
      .map((message) => this.#outcome(message.id, message.suspect))
    this.steps.push(`settle ${outcomes.map(({ kind }) => kind).join('+')}`)
    const now = this.context.clock.now()
    const answers = await this.context.outbox.settle(token, outcomes)
    assert.deepEqual(answers, outcomes.map((outcome) => this.#model.settle(token, outcome, now)))
  }

  async #extend(): Promise<void> {
    const [token, leaseMs] = [this.#token(), this.#random.integer(1, 60)]
    this.steps.push(`extend to ${leaseMs} ms`)
    const expected = this.#model.extend(token, leaseMs, this.context.clock.now())
    assert.equal(await this.context.outbox.extend(token, leaseMs), expected)
  }

  async #advance(): Promise<void> {
    const ms = this.#random.integer(0, 30)
    this.steps.push(`advance ${ms} ms`)
    this.context.clock.advance(ms)
  }

  async #purge(): Promise<void> {
    const age = this.#random.integer(0, 60)
    const options = this.#retains ? { deliveredOlderThanMs: age } : { dedupeOlderThanMs: age }
    this.steps.push(`purge ${JSON.stringify(options)}`)
    const expected =
      this.#model.purge(options.deliveredOlderThanMs, options.dedupeOlderThanMs, this.context.clock.now())
    assert.deepEqual(await this.context.outbox.purge(options), expected)
  }

  #draft(): DraftPart {
    const random = this.#random
    return {
      maxAttempts: random.integer(1, 4),
      payload: random.next() < 0.1 ? 'other' : 'same',
      ...(random.next() < 0.4 ? { dedupeKey: `key-${random.integer(1, 6)}` } : {}),
      ...random.pick<DraftPart>([
        {}, {}, { delayMs: random.integer(0, 30) },
        { availableAt: this.context.clock.now() + random.integer(-20, 20) },
      ]),
    }
  }

  /** A suspect is not released: whether it stays one then is the store's choice. */
  #outcome(id: string, isSuspect: boolean): SettleOutcome {
    const random = this.#random
    const now = this.context.clock.now()
    const error = `error at step ${this.steps.length}`
    const released: SettleOutcome[] = [
      { id, kind: 'release' }, { id, kind: 'release', retryInMs: random.integer(0, 20) },
    ]
    return random.pick<SettleOutcome>([
      { id, kind: 'ack' },
      { id, kind: 'ack' },
      { id, kind: 'retry', error, retryInMs: random.integer(0, 20) },
      { id, kind: 'retry', error, retryAt: now + random.integer(-10, 20) },
      { id, kind: 'dead', error: 'gone' },
      ...(isSuspect ? [] : released),
    ])
  }

  #token(): string {
    const live = this.#model.messages.flatMap(({ claim }) => claim?.token ?? [])
    return this.#random.pick(live.length > 0 && this.#random.next() < 0.85 ? live : this.#tokens)
  }
}
