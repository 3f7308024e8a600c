/** A memory store with a clock of the test's own, and relays over it. */
import { jsonCodec } from '../../src/core/codec.js'
import type { OutboxStore } from '../../src/outbox/contract.js'
import type { EventDefinitions } from '../../src/outbox/events.js'
import type { OutboxMessage, OutboxMessageDraft } from '../../src/outbox/message.js'
import { Outbox } from '../../src/outbox/outbox.js'
import { Relay } from '../../src/outbox/relay.js'
import type { RelayOptions } from '../../src/outbox/relay-options.js'
import { WakeHub } from '../../src/runner/wake.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import type { MemoryTransaction } from '../../src/stores/memory/transaction.js'

export class RelayFixture {
  /** The store's clock. */
  now = 1_000_000
  readonly wake = new WakeHub()
  readonly store = new MemoryOutboxStore({ now: () => this.now })
  readonly outbox = new Outbox<MemoryTransaction>(this.store, (tx) => tx)

  relay<const Events extends EventDefinitions, Targets extends string>(
    options: RelayOptions<Events, Targets>, events = {} as Events, store: OutboxStore = this.store,
  ): Relay<Events, Targets> {
    return new Relay({ store, wake: this.wake, codec: jsonCodec, events }, options)
  }

  /** The id of a new message to target `t`. */
  async enqueue(draft: Partial<OutboxMessageDraft> = {}): Promise<string> {
    return (await this.outbox.enqueueAlone({ type: 'a', target: 't', payload: { n: 1 }, ...draft })).id
  }

  async get(id: string): Promise<OutboxMessage> {
    return (await this.outbox.get(id))!
  }

  /** The same store with some methods replaced, as one process sees it. */
  seenBy(replaced: Partial<OutboxStore>): OutboxStore {
    return new Proxy<OutboxStore>(this.store, {
      get(store, name: keyof OutboxStore) {
        const member = replaced[name] ?? store[name]
        return typeof member === 'function' ? member.bind(store) : member
      },
    })
  }
}
