/**
 * `order-history-*`: random histories of an ordered lane, each in a lane of its own. What is checked is the promise
 * itself, on a list of messages that knows nothing of stores:
 *
 * - never two claims hold messages of one key;
 * - a message is claimed only when every message of its key whose transaction had committed before its own
 *   began is delivered, or before it in the same claim, or (`skip`) a dead letter or redriven;
 * - when a claim finds nothing due, no key has a front that is.
 */
import assert from 'node:assert/strict'
import { describeError } from '../../core/errors.js'
import type { LaneOrdering, SettleOutcome } from '../../outbox/contract.js'
import { DEFAULT_SCOPE } from '../../core/scope.js'
import type { EnqueueResult } from '../../outbox/message.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import { forEachSeed, type SeededRandom } from '../random.js'
import type { OutboxCase } from './case.js'
import { only, type DraftPart, type OutboxContext } from './context.js'
import type { OpenTransaction } from '../open-transactions.js'

const STEPS = 40
const KEYS = 3

export const orderHistoryCases: readonly OutboxCase[] = [
  { id: 'order-history-1', title: 'random histories of a block lane keep its promises', run: histories('block') },
  { id: 'order-history-2', title: 'random histories of a skip lane keep its promises', run: histories('skip') },
]

function histories(ordering: LaneOrdering): (context: OutboxContext) => Promise<void> {
  return (context) => forEachSeed(context.seeds(context.options.histories), async (random, seed) => {
    const lane = `${ordering}-${seed}`
    await context.store.migrate({ [lane]: ordering })
    const history = new OrderedHistory(context, random, lane, ordering)
    try {
      await history.run()
    } catch (cause) {
      throw new Error(`${describeError(cause)}\nafter ${history.steps.join(', ')}`, { cause })
    } finally {
      await history.rollBack()
    }
  })
}

interface Entry {
  readonly id: string
  readonly key: string
  readonly scope: string
  /** Ticks of the history: when its transaction began, and when it had committed. */
  readonly begun: number
  committed: number
  state: 'pending' | 'claimed' | 'delivered' | 'dead'
  dueAt: number
  redriven: boolean
  suspect: boolean
  token: string | undefined
}

interface Open {
  readonly transaction: OpenTransaction<unknown>
  readonly entries: readonly Entry[]
}

class OrderedHistory {
  readonly steps: string[] = []
  readonly #context: OutboxContext
  readonly #random: SeededRandom
  readonly #lane: string
  readonly #ordering: LaneOrdering
  readonly #scopes: readonly string[]
  readonly #entries: Entry[] = []
  readonly #leases = new Map<string, number>()
  #open: Open[] = []
  #tick = 0

  constructor(context: OutboxContext, random: SeededRandom, lane: string, ordering: LaneOrdering) {
    this.#context = context
    this.#random = random
    this.#lane = lane
    this.#ordering = ordering
    this.#scopes = random.next() < 0.5 ? [DEFAULT_SCOPE] : [DEFAULT_SCOPE, 'tenant-2', 'tenant-3']
  }

  async run(): Promise<void> {
    const moves = [
      () => this.#enqueue(), () => this.#enqueue(), () => this.#commit(), () => this.#claim(), () => this.#claim(),
      () => this.#claim(), () => this.#settle(), () => this.#settle(), () => this.#settle(), () => this.#advance(),
      () => this.#redrive(),
    ]
    for (let step = 0; step < STEPS; step += 1) {
      this.#tick += 1
      await this.#random.pick(moves)()
    }
    await this.#finish()
  }

  async rollBack(): Promise<void> {
    for (const { transaction } of this.#open) await transaction.rollback()
  }

  async #enqueue(): Promise<void> {
    const { concurrentTransactions } = this.#context.store.capabilities
    const transaction = await this.#context.begin()
    const begun = this.#tick
    const drafts = Array.from({ length: this.#random.integer(1, 4) }, () => this.#draft())
    const results = await this.#context.enqueueIn(transaction, ...drafts)
    const now = this.#context.clock.now()
    const entries = drafts.map((draft, n): Entry => ({
      id: (results[n] as EnqueueResult).id, key: this.#keyOf(draft), scope: draft.scope ?? '',
      begun, committed: Infinity, state: 'pending',
      dueAt: draft.availableAt ?? now, redriven: false, suspect: false, token: undefined,
    }))
    this.#open.push({ transaction, entries })
    const stays = concurrentTransactions && this.#open.length < 3 && this.#random.next() < 0.4
    this.steps.push(`enqueue ${entries.map(({ key }) => key).join('+')}${stays ? ' and stay open' : ''}`)
    if (!stays) await this.#commit(this.#open.length - 1)
  }

  async #commit(at = this.#random.integer(0, this.#open.length - 1)): Promise<void> {
    const [open] = this.#open.splice(at, 1)
    if (open === undefined) return
    this.steps.push('commit')
    await open.transaction.commit()
    this.#tick += 1
    for (const entry of open.entries) entry.committed = this.#tick
    this.#tick += 1
    this.#entries.push(...open.entries)
  }

  async #claim(limit = this.#random.integer(1, 6)): Promise<boolean> {
    const leaseMs = this.#random.integer(5, 60)
    const isView = this.#context.store instanceof ScopedOutboxStore
    const scopes = isView || this.#random.next() < 0.7 ? undefined : [this.#random.pick(this.#scopes)]
    this.steps.push(`claim ${limit}${scopes === undefined ? '' : ` of ${scopes.join()}`}`)
    const claim = await this.#context.claim({ lane: this.#lane, limit, leaseMs, scopes })
    this.#expire()
    const taken = claim?.messages.map(({ id }) => this.#find(id)) ?? []
    taken.forEach((entry, n) => this.#checkTurn(entry, taken.slice(0, n)))
    for (const entry of taken) Object.assign(entry, { state: 'claimed', token: claim?.token })
    if (claim !== null) this.#leases.set(claim.token, claim.leaseExpiresAt)
    if (claim === null) this.#checkNothingLeft(scopes ?? this.#scopes)
    for (const entry of taken) assert.ok(scopes?.includes(entry.scope) ?? true, `${entry.id} is of another scope`)
    return claim !== null
  }

  #expire(): void {
    const now = this.#context.clock.now()
    for (const entry of this.#entries) {
      if (entry.token === undefined || (this.#leases.get(entry.token) ?? 0) > now) continue
      Object.assign(entry, { state: 'pending', suspect: true, token: undefined })
    }
  }

  #checkTurn(entry: Entry, sameClaim: readonly Entry[]): void {
    assert.equal(entry.state, 'pending', `${entry.id} was claimed while ${entry.state}`)
    assert.ok(entry.dueAt <= this.#context.clock.now(), `${entry.id} was claimed before its time`)
    if (this.#isFree(entry)) return
    for (const other of this.#before(entry)) {
      assert.ok(sameClaim.includes(other), `${entry.id} overtook ${other.id} (${other.state}) of ${entry.key}`)
    }
    const held = this.#entries.find((other) =>
      other.key === entry.key && other.state === 'claimed' && !this.#isFree(other))
    assert.equal(held, undefined, `${entry.key} is claimed already, with ${held?.id}`)
  }

  /** A front that is due in any order that respects the promise, and that nobody holds. */
  #checkNothingLeft(scopes: readonly string[]): void {
    const now = this.#context.clock.now()
    const isHeld = (key: string): boolean => this.#entries.some((other) =>
      other.key === key && other.state === 'claimed' && !this.#isFree(other))
    const closes = (other: Entry): boolean =>
      other.state === 'dead' ? this.#ordering === 'block' : other.state !== 'delivered' && !this.#isFree(other)
    const left = this.#entries.find((entry) => entry.state === 'pending' && entry.dueAt <= now
      && scopes.includes(entry.scope)
      && (this.#isFree(entry) || (!isHeld(entry.key)
        && this.#entries.every((other) => other.key !== entry.key || other.id >= entry.id || !closes(other))
        // A scheduled one with a higher id may have been first in line when the others came late.
        && this.#entries.every((other) => other.key !== entry.key || other === entry || !closes(other)
          || other.begun > entry.committed))))
    assert.equal(left, undefined, `${left?.id} of ${left?.key} is due and was left out`)
  }

  /** What must be over before this one's turn. */
  #before(entry: Entry): Entry[] {
    return this.#entries.filter((other) => other.key === entry.key && other.committed < entry.begun
      && !this.#isFree(other)
      && (other.state === 'pending' || other.state === 'claimed'
        || (other.state === 'dead' && this.#ordering === 'block')))
  }

  #isFree({ redriven, key }: Entry): boolean {
    return key === '' || (this.#ordering === 'skip' && redriven)
  }

  async #settle(): Promise<void> {
    const tokens = [...new Set(this.#entries.flatMap(({ token }) => token ?? []))]
    if (tokens.length === 0) return
    const token = this.#random.pick(tokens)
    const held = this.#entries.filter((entry) => entry.token === token)
    const some = this.#random.shuffle(held).slice(0, this.#random.integer(1, held.length))
    const outcomes = some.map(({ id }): SettleOutcome => this.#random.pick<SettleOutcome>([
      { id, kind: 'ack' }, { id, kind: 'ack' }, { id, kind: 'ack' }, { id, kind: 'release' },
      { id, kind: 'retry', error: 'busy', retryInMs: this.#random.integer(0, 20) },
      { id, kind: 'dead', error: 'gone' },
    ]))
    this.steps.push(`settle ${outcomes.map(({ kind }) => kind).join('+')}`)
    const answers = await this.#context.outbox.settle(token, outcomes)
    const now = this.#context.clock.now()
    for (const [n, outcome] of outcomes.entries()) {
      const entry = some[n] as Entry
      assert.notEqual(answers[n], 'lost_claim')
      entry.token = undefined
      entry.state = outcome.kind === 'ack' ? 'delivered' : outcome.kind === 'dead' ? 'dead' : 'pending'
      if (outcome.kind !== 'release') entry.suspect = false
      if (outcome.kind === 'retry' && 'retryInMs' in outcome) entry.dueAt = now + outcome.retryInMs
    }
  }

  async #redrive(): Promise<void> {
    const dead = this.#entries.filter(({ state }) => state === 'dead')
    if (dead.length === 0) return
    const entry = this.#random.pick(dead)
    this.steps.push('redrive')
    assert.equal(only(await this.#context.outbox.redrive([entry.id])), 'redriven')
    Object.assign(entry, { state: 'pending', redriven: true, dueAt: this.#context.clock.now() })
  }

  async #advance(): Promise<void> {
    const ms = this.#random.integer(0, 40)
    this.steps.push(`advance ${ms} ms`)
    this.#context.clock.advance(ms)
  }

  /** Commits all, redrives all, and claims until everything is delivered. */
  async #finish(): Promise<void> {
    while (this.#open.length > 0) await this.#commit(0)
    for (let round = 0; this.#entries.some(({ state }) => state !== 'delivered'); round += 1) {
      assert.ok(round < 10 * this.#entries.length, 'something is never claimed')
      this.#context.clock.advance(100)
      const dead = this.#entries.filter(({ state }) => state === 'dead')
      await this.#context.outbox.redrive(dead.map(({ id }) => id))
      for (const entry of dead) {
        Object.assign(entry, { state: 'pending', redriven: true, dueAt: this.#context.clock.now() })
      }
      await this.#claim(5)
      for (const token of new Set(this.#entries.flatMap((entry) => entry.token ?? []))) {
        const held = this.#entries.filter((entry) => entry.token === token)
        await this.#context.outbox.settle(token, held.map(({ id }) => ({ id, kind: 'ack' })))
        for (const entry of held) Object.assign(entry, { state: 'delivered', token: undefined, suspect: false })
      }
    }
  }

  #find(id: string): Entry {
    const entry = this.#entries.find((other) => other.id === id)
    assert.ok(entry !== undefined, `${id} was claimed and not committed`)
    return entry
  }

  /** Keys of one name in two scopes are two; a view has one scope, whatever its drafts say. */
  #keyOf({ key, scope }: DraftPart): string {
    if (key === undefined) return ''
    return this.#context.store instanceof ScopedOutboxStore ? key : `${scope}/${key}`
  }

  #draft(): DraftPart {
    const random = this.#random
    return {
      lane: this.#lane, maxAttempts: 100,
      scope: random.pick(this.#scopes),
      ...(random.next() < 0.9 ? { key: `key-${random.integer(1, KEYS)}` } : {}),
      ...random.pick<DraftPart>([{}, {}, {}, { availableAt: this.#context.clock.now() + random.integer(-20, 30) }]),
    }
  }
}
