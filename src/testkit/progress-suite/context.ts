/** What a case works with: an empty store with two handles, a clock, and the moves most cases make. */
import assert from 'node:assert/strict'
import { DEFAULT_SCOPE } from '../../core/scope.js'
import type { StreamName } from '../../journal/event.js'
import {
  ALL_SLOTS, type DeadDraft, type DeadEvent, type HeldDraft, type HeldStream, type PartProgress, type ProgressStore,
  type PublisherPart, type PublisherState, type SlotMask, type TakeRequest,
} from '../../journal/progress.js'
import { slotCount, slotOf } from '../../journal/slots.js'
import { TestClock } from '../test-clock.js'
import type { OpenedProgress, OpenProgressSettings } from './options.js'

export { only, rejectsWith } from '../outbox-suite/context.js'

export const NAME = 'mails'
export const LEASE_MS = 30_000

type Open = (settings: OpenProgressSettings) => Promise<OpenedProgress>

export class ProgressContext {
  readonly clock: TestClock
  readonly #open: Open
  readonly #opened: OpenedProgress[]

  static async create(open: Open): Promise<ProgressContext> {
    const clock = new TestClock()
    return new ProgressContext(open, clock, await open({ now: clock.now }))
  }

  private constructor(open: Open, clock: TestClock, opened: OpenedProgress) {
    this.#open = open
    this.clock = clock
    this.#opened = [opened]
  }

  get store(): ProgressStore {
    return this.#first.store
  }

  /** Another handle onto the same store. */
  get other(): ProgressStore {
    return this.#first.other
  }

  /** An empty store that follows its own clock. */
  async openByOwnClock(): Promise<ProgressStore> {
    const opened = await this.#open({})
    this.#opened.push(opened)
    return opened.store
  }

  async close(): Promise<void> {
    for (const opened of this.#opened) await opened.close()
  }

  take(owner: string, part: Partial<TakeRequest> = {}): Promise<PublisherState> {
    return this.store.take(takeOf(owner, part))
  }

  async look(publisher = NAME): Promise<PublisherState> {
    return await this.store.look(publisher) ?? assert.fail(`there is no publisher ${publisher}`)
  }

  /** The only part of an owner that has all: a publisher as it begins. */
  async takeAll(owner = 'a', part: Partial<TakeRequest> = {}): Promise<PublisherPart> {
    const { parts: [first, second] } = await this.take(owner, part)
    assert.ok(first !== undefined && second === undefined && first.owner === owner, 'not the only owner of all')
    return first
  }

  /** Two owners with half of the slots each. */
  async share(first: string, second: string): Promise<readonly [PublisherPart, PublisherPart]> {
    const { part, term } = await this.takeAll(first)
    assert.equal(await this.store.give({ publisher: NAME, part, term, slots: HIGH_SLOTS }), true)
    const { parts } = await this.take(second)
    return [partOf(parts, first), partOf(parts, second)]
  }

  /** One part. */
  async save(part: PublisherPart, progress: Partial<PartProgress> = {}): Promise<boolean> {
    const [saved, ...more] = await this.store.save({ publisher: NAME, parts: [progressOf(part, progress)] })
    assert.deepEqual(more, [])
    return saved ?? assert.fail('no answer')
  }

  holds(slots: SlotMask = ALL_SLOTS, limit = 1_000): Promise<readonly HeldStream[]> {
    return this.store.holds({ publisher: NAME, slots, limit })
  }

  dead(publisher = NAME): Promise<readonly DeadEvent[]> {
    return this.store.deadLetters({ publisher, scope: undefined, after: 0n, limit: 1_000 })
  }

  get #first(): OpenedProgress {
    return this.#opened[0] ?? assert.fail('nothing is open')
  }
}

export const LOW_SLOTS: SlotMask = 2n ** 32n - 1n
export const HIGH_SLOTS: SlotMask = ALL_SLOTS ^ LOW_SLOTS

export function takeOf(owner: string, part: Partial<TakeRequest> = {}): TakeRequest {
  return { publisher: NAME, owner, leaseMs: LEASE_MS, follow: 'all', start: undefined, ...part }
}

export function progressOf({ part, term, cursor }: PublisherPart, progress: Partial<PartProgress> = {}): PartProgress {
  return { part, term, cursor, held: [], freed: [], dead: [], ...progress }
}

export function nameOf(stream: string): StreamName {
  return { scope: DEFAULT_SCOPE, stream }
}

export function heldOf(stream: string, part: Partial<HeldDraft> = {}): HeldDraft {
  const name = nameOf(stream)
  return { ...name, slot: slotOf(name), from: 3n, to: 5n, attempts: 1, retryInMs: 1_000, error: 'refused', ...part }
}

export function deadOf(id: string, part: Partial<DeadDraft> = {}): DeadDraft {
  return { ...nameOf('order-7'), id, sequence: 4n, type: 'order.placed', attempts: 20, error: 'refused', ...part }
}

/** The one part of an owner. */
export function partOf(parts: readonly PublisherPart[], owner: string | undefined): PublisherPart {
  const [part, ...more] = parts.filter((each) => each.owner === owner)
  assert.ok(part !== undefined && more.length === 0, `not one part of ${owner}: ${more.length}`)
  return part
}

/** How many slots each owner has; '' stands for none. */
export function sharesOf({ parts }: PublisherState): Record<string, number> {
  const shares: Record<string, number> = {}
  for (const { owner = '', slots } of parts) shares[owner] = (shares[owner] ?? 0) + slotCount(slots)
  return shares
}

/** Disjoint, complete and by number. */
export function assertWhole({ parts }: PublisherState): void {
  assert.equal(parts.reduce((sum, { slots }) => sum + slots, 0n), ALL_SLOTS, 'slots overlap or are missing')
  assert.equal(parts.reduce((all, { slots }) => all | slots, 0n), ALL_SLOTS, 'slots overlap or are missing')
  const numbers = parts.map(({ part }) => part)
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b), 'numbers repeat, or are in disorder')
}

/** What can be written of a name or an error by anybody. */
export const HOSTILE_TEXTS = [
  `'; drop table journal_part; --`, `"quoted" \\ {a,b} $1 ?1 \`x\``, 'null', 'NULL', '{}', ' ', '\t\n\r', '\u0001',
  'é\u0301 日本 🧾 \u{10ffff}', 'x'.repeat(1_024), 'é'.repeat(512), '%_', '{schema}', '__proto__',
] as const
