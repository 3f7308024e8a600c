/** What a case works with: an empty journal, publishers that write down what they publish, and processes that die. */
import assert from 'node:assert/strict'
import { jsonCodec } from '../../core/codec.js'
import { DEFAULT_SCOPE } from '../../core/scope.js'
import { Journal } from '../../journal/journal.js'
import type { PublishedEvent, PublisherOptions, PublishOptions } from '../../journal/publisher-options.js'
import { Publisher } from '../../journal/publisher.js'
import { WakeHub } from '../../runner/wake.js'
import { mortalStore, type Mortal } from '../mortal-store.js'
import type { OpenedPublisherStore } from './options.js'

export const NAME = 'mails'

/** Short, because what dies is waited for. */
export const LEASE_MS = 300

export interface ProcessOptions extends Partial<Omit<PublishOptions, 'transport'>> {
  readonly transport?: PublisherOptions['transport']
}

/** A publisher in a process of its own, which may die at any moment. */
export class Process {
  readonly publisher: Publisher
  readonly published: PublishedEvent[] = []
  readonly #mortal: Mortal

  constructor(publisherOf: (self: Process) => Publisher, mortal: Mortal) {
    this.#mortal = mortal
    this.publisher = publisherOf(this)
  }

  /** From now on nothing of it takes effect, and it waits for ever. */
  kill(): void {
    this.#mortal.isDead = true
  }

  get isDead(): boolean {
    return this.#mortal.isDead
  }

  get ids(): string[] {
    return this.published.map(({ stream, sequence }) => `${stream}:${sequence}`)
  }
}

export class PublisherContext {
  readonly journal: Journal<unknown>
  readonly store: OpenedPublisherStore
  readonly hub = new WakeHub()
  /** Every publication of every process, in the order they began. */
  readonly log: PublishedEvent[] = []
  readonly #processes: Process[] = []
  #watchers: { readonly condition: () => boolean; readonly resolve: () => void }[] = []

  constructor(store: OpenedPublisherStore) {
    this.store = store
    this.journal = new Journal(store.journal, (tx) => tx, {}, undefined, () => this.hub.wake())
  }

  /** One process of the publisher; what it publishes succeeds unless `publish` says otherwise. */
  process(options: ProcessOptions = {}, stores: Partial<OpenedPublisherStore> = {}): Process {
    const mortal = { isDead: false }
    const { publish, transport, ...rest } = options
    const journal = mortalStore(stores.journal ?? this.store.journal, mortal)
    const progress = mortalStore(stores.progress ?? this.store.progress, mortal)
    const made = new Process((self) => new Publisher(
      { journal, progress, scope: undefined, codec: jsonCodec, wake: this.hub },
      {
        name: NAME, leaseMs: LEASE_MS, pollMaxMs: 10, saveEveryMs: 0, retry: { baseMs: 0, maxMs: 0 },
        ...rest,
        ...(transport === undefined
          ? { publish: (event, context) => this.#record(self, event, () => publish?.(event, context)) }
          : { transport }),
      },
    ), mortal)
    this.#processes.push(made)
    return made
  }

  async started(options: ProcessOptions = {}): Promise<Process> {
    const made = this.process(options)
    await made.publisher.start()
    return made
  }

  /** `stream` gets so many events more; answers their names. */
  async append(stream: string, count = 1, part: object = {}): Promise<string[]> {
    const { events } = await this.journal.appendAlone(Array.from({ length: count }, (_, n) => (
      { stream, type: 'thing.happened', payload: { n }, ...part })))
    return events.map(({ sequence }) => `${stream}:${sequence}`)
  }

  /** Resolves when the condition holds after some publication. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve()
    return new Promise((resolve) => this.#watchers.push({ condition, resolve }))
  }

  /** Every event of these streams was published, the first publications of each stream in order. */
  checkLog(wanted: readonly string[]): void {
    const last = new Map<string, bigint>()
    const seen = new Set<string>()
    for (const { stream, sequence } of this.log) {
      const name = `${stream}:${sequence}`
      if (seen.has(name)) continue
      assert.ok(sequence > (last.get(stream) ?? 0n), `${name} was first published after ${last.get(stream)}`)
      last.set(stream, sequence)
      seen.add(name)
    }
    assert.deepEqual([...seen].toSorted(), wanted.toSorted())
  }

  async close(): Promise<void> {
    await Promise.all(this.#processes.map(({ publisher, isDead }) => publisher.stop({ timeoutMs: isDead ? 0 : 5_000 })))
    await this.store.close()
  }

  async #record(self: Process, event: PublishedEvent, publish: () => unknown): Promise<void> {
    if (self.isDead) return new Promise(() => undefined)
    self.published.push(event)
    this.log.push(event)
    try {
      await publish()
    } finally {
      // After this turn, when the runner has taken the outcome.
      setImmediate(() => this.#look())
    }
    if (self.isDead) return new Promise(() => undefined)
  }

  #look(): void {
    const met = this.#watchers.filter(({ condition }) => condition())
    this.#watchers = this.#watchers.filter((watcher) => !met.includes(watcher))
    for (const { resolve } of met) resolve()
  }
}

export const SCOPE = DEFAULT_SCOPE
