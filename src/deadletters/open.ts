/** The one surface over whatever a store has. */
import type { Codec } from '../core/codec.js'
import type { ScopeId } from '../core/scope.js'
import type { CheckpointStore } from '../feeds/checkpoints.js'
import type { HeapStore } from './contract.js'
import { DeadLetters } from './dead-letters.js'
import { HeapDeadLetters } from './sources/heaps.js'
import { OutboxDeadLetters, type DeadLetterOutbox } from './sources/outbox.js'
import { PublisherDeadLetters, type PublisherDeadLetterPorts } from './sources/publishers.js'
import { SubscriberDeadLetters } from './sources/subscribers.js'

export interface DeadLetterPorts {
  readonly outbox?: DeadLetterOutbox | undefined
  /** Where the store has a journal and keeps progress. */
  readonly publishers?: Omit<PublisherDeadLetterPorts, 'scope'> | undefined
  readonly heaps: HeapStore | undefined
  readonly checkpoints: CheckpointStore | undefined
  readonly codec: Codec
  readonly scope: ScopeId | undefined
}

export function openDeadLetters(
  { outbox, publishers, heaps, checkpoints, codec, scope }: DeadLetterPorts,
): DeadLetters {
  return new DeadLetters({
    ...outbox && { outbox: new OutboxDeadLetters(outbox) },
    ...publishers && { publisher: new PublisherDeadLetters({ ...publishers, scope }) },
    ...heaps && { heap: new HeapDeadLetters(heaps, scope) },
    ...checkpoints && { subscriber: new SubscriberDeadLetters({ checkpoints, codec, scope }) },
  })
}
