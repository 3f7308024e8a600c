/** What a case works with: an empty store with two handles, a clock, and the moves most cases make. */
import assert from 'node:assert/strict'
import type {
  Checkpoint, CheckpointStore, DeadResult, DeadResultDraft, SaveCheckpoints, SubscriberState,
} from '../../feeds/checkpoints.js'
import { TestClock } from '../test-clock.js'
import type { OpenCheckpointSettings, OpenedCheckpoints } from './options.js'

export { rejectsWith } from '../outbox-suite/context.js'

export const NAME = 'cache'
export const LEASE_MS = 30_000

type Open = (settings: OpenCheckpointSettings) => Promise<OpenedCheckpoints>

export class CheckpointContext {
  readonly clock: TestClock
  readonly #open: Open
  readonly #opened: OpenedCheckpoints[]

  static async create(open: Open): Promise<CheckpointContext> {
    const clock = new TestClock()
    return new CheckpointContext(open, clock, await open({ now: clock.now }))
  }

  private constructor(open: Open, clock: TestClock, opened: OpenedCheckpoints) {
    this.#open = open
    this.clock = clock
    this.#opened = [opened]
  }

  get store(): CheckpointStore {
    return this.#first.store
  }

  /** Another handle onto the same store. */
  get other(): CheckpointStore {
    return this.#first.other
  }

  /** An empty store that follows its own clock. */
  async openByOwnClock(): Promise<CheckpointStore> {
    const opened = await this.#open({})
    this.#opened.push(opened)
    return opened.store
  }

  async close(): Promise<void> {
    for (const opened of this.#opened) await opened.close()
  }

  /** @throws where another has it. */
  async take(owner = 'a', subscriber = NAME, leaseMs = LEASE_MS): Promise<SubscriberState> {
    return await this.store.take({ subscriber, owner, leaseMs })
      ?? assert.fail(`${owner} cannot be ${subscriber}: another is`)
  }

  save(term: bigint, part: Partial<SaveCheckpoints> = {}): Promise<boolean> {
    return this.store.save({ subscriber: NAME, term, checkpoints: [], dead: [], ...part })
  }

  /** As it is listed. */
  async look(subscriber = NAME): Promise<SubscriberState | undefined> {
    const all = await this.store.list({ after: '', limit: 1_000 })
    return all.find((state) => state.subscriber === subscriber)
  }

  dead(subscriber = NAME, after = 0n, limit = 1_000): Promise<readonly DeadResult[]> {
    return this.store.deadLetters({ subscriber, after, limit })
  }

  get #first(): OpenedCheckpoints {
    return this.#opened[0] ?? assert.fail('nothing is open')
  }
}

/** What was saved, without what the store adds. */
export function savedOf(state: SubscriberState | undefined): readonly Checkpoint[] {
  return (state?.checkpoints ?? []).map(({ feed, sequence, incarnation, configHash }) => (
    { feed, sequence, incarnation, configHash }))
}

export function checkpointOf(feed: string, sequence: bigint, part: Partial<Checkpoint> = {}): Checkpoint {
  return { feed, sequence, incarnation: 'i-1', configHash: 'c-1', ...part }
}

export function deadOf(sequence: bigint, part: Partial<DeadResultDraft> = {}): DeadResultDraft {
  const data = Uint8Array.from([0, 255, 10, 123])
  return { feed: 'orders', incarnation: 'i-1', sequence, data, attempts: 20, error: 'refused', ...part }
}

/** Without what the store adds, and with plain bytes. */
export function draftsOf(letters: readonly DeadResult[]): readonly DeadResultDraft[] {
  return letters.map(({ feed, incarnation, sequence, data, attempts, error }) => (
    { feed, incarnation, sequence, data: Uint8Array.from(data), attempts, error }))
}

/** What can be written of a name or an error by anybody. */
export const HOSTILE_TEXTS = [
  `'; drop table feed_subscriber; --`, `"quoted" \\ {a,b} $1 ?1 \`x\``, 'null', 'NULL', '{}', '{', '}', '}{',
  '%7B', ' ', '\t\n\r', '\u0001', 'é\u0301 日本 🧾 \u{10ffff}', 'x'.repeat(1_024), 'é'.repeat(512), '%_', '{schema}',
  '__proto__', 'scope:3:a:b:c', ':', 'q1', 'q10', 'q1:state',
] as const
