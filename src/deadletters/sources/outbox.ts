/** Dead letters of the outbox. */
import type { OutboxMessage } from '../../outbox/message.js'
import type { Outbox } from '../../outbox/outbox.js'
import type { DeadLetter, DeadLetterAnswer, DeadLetterDetails } from '../dead-letter.js'
import {
  answered, unsupported, type DeadLetterFilter, type DeadLetterPlaces, type PlacedLetter, type RedriveLetterOptions,
} from '../source.js'

export type DeadLetterOutbox = Pick<
  Outbox<unknown>, 'get' | 'list' | 'failures' | 'edits' | 'redrive' | 'discard' | 'purge'>

export class OutboxDeadLetters implements DeadLetterPlaces {
  readonly #outbox: DeadLetterOutbox

  constructor(outbox: DeadLetterOutbox) {
    this.#outbox = outbox
  }

  async list(
    { lane, target, key }: DeadLetterFilter, after: string | undefined, limit: number,
  ): Promise<readonly PlacedLetter[]> {
    const page = await this.#outbox.list({ status: 'dead_letter', lane, target, key, after, limit })
    return page.map((message) => ({ letter: letterOf(message), cursor: message.id }))
  }

  async get(id: string): Promise<DeadLetterDetails | undefined> {
    const message = await this.#outbox.get(id)
    if (message?.status !== 'dead_letter') return undefined
    const { payload, contentType, headers } = message
    return {
      letter: letterOf(message), failures: await this.#outbox.failures(id), edits: await this.#outbox.edits(id),
      headers, payload, contentType,
    }
  }

  checkRedrive({ handle }: RedriveLetterOptions): void {
    if (handle === undefined) return
    throw unsupported('handle', 'outbox', 'a message is redriven to its relay: leave out `handle`')
  }

  async redrive(
    ids: readonly string[], { payload, contentType, note, by }: RedriveLetterOptions,
  ): Promise<readonly DeadLetterAnswer[]> {
    return answered(ids, (id) => id, (each) => this.#outbox.redrive(each, { payload, contentType, note, by }))
  }

  async discard(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    return answered(ids, (id) => id, (each) => this.#outbox.discard(each))
  }

  async purge({ olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number }): Promise<number> {
    return (await this.#outbox.purge({ deadOlderThanMs: olderThanMs, limit })).deadLetters
  }
}

/** A dead letter changes no more, so its last change is its death. */
function letterOf(message: OutboxMessage): DeadLetter {
  const { id, scope, lane, target, type, key, attemptCount, lastError = '', updatedAt } = message
  return {
    id, source: 'outbox', scope, lane, target, type, key, attempts: attemptCount, error: lastError, diedAt: updatedAt,
  }
}
