/** What the one surface asks of each place that has dead letters. */
import type { ErrorDetails } from '../core/errors.js'
import { WaybillError } from '../core/errors.js'
import type { Result } from '../feeds/result.js'
import type { DeadLetter, DeadLetterAnswer, DeadLetterDetails, DeadLetterSource } from './dead-letter.js'

export interface DeadLetterFilter {
  /** Only these. */
  readonly source?: DeadLetterSource | undefined
  /** With a source other than the outbox: only of this publisher, heap or subscriber. */
  readonly name?: string | undefined
  /** Only messages of this lane. */
  readonly lane?: string | undefined
  /** Only messages to this target. */
  readonly target?: string | undefined
  /** Only messages of this key. */
  readonly key?: string | undefined
  /** Of a heap: how often in a row is too often, inclusive. Default 10. */
  readonly threshold?: number | undefined
}

export interface RedriveLetterOptions {
  /** Another body, as in a draft. Only with one message of the outbox. */
  readonly payload?: unknown
  /** Of a `Uint8Array` payload. Default the message's own. */
  readonly contentType?: string | undefined
  /** Why the payload is changed; needed with it. At most 2,000 bytes. */
  readonly note?: string | undefined
  /** Who changes it. Default `<host>:<process>:<random>`. At most 255 bytes. */
  readonly by?: string | undefined
  /** Takes what a subscriber gave up, which is then discarded; what it throws at stays. Needed for those alone. */
  readonly handle?: ((result: Result, letter: DeadLetter) => unknown) | undefined
}

/** A letter, and the place behind which a list goes on. */
export interface PlacedLetter {
  readonly letter: DeadLetter
  readonly cursor: string
}

export interface DeadLetterPlaces {
  /** Those behind the cursor, in the source's order; fewer than `limit` only at the end. */
  list(filter: DeadLetterFilter, after: string | undefined, limit: number): Promise<readonly PlacedLetter[]>
  /** Lists for one pass over all: what dies again meanwhile is not in it. Default `list`, where that is so anyway. */
  pass?(): DeadLetterPlaces['list']
  get(id: string): Promise<DeadLetterDetails | undefined>
  /** @throws UNSUPPORTED before anything is done. */
  checkRedrive(options: RedriveLetterOptions): void
  /** An answer for each, in order. */
  redrive(ids: readonly string[], options: RedriveLetterOptions): Promise<readonly DeadLetterAnswer[]>
  discard(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]>
  /** Answers how many; undefined where that is not to be had. */
  purge(request: { readonly olderThanMs: number; readonly limit: number }): Promise<number | undefined>
}

export function unsupported(action: string, source: DeadLetterSource, why: string): WaybillError {
  const details: ErrorDetails = { action, source }
  return new WaybillError('UNSUPPORTED', why, { details })
}

/** An edit is of a message. @throws UNSUPPORTED. */
export function refuseEdit(source: DeadLetterSource, { payload, contentType, note, by }: RedriveLetterOptions): void {
  if ([payload, contentType, note, by].every((each) => each === undefined)) return
  throw unsupported('edit', source, source === 'publisher'
    ? 'an event of the journal is a fact, and is not changed: append another, and discard this dead letter'
    : 'only a message of the outbox is redriven with another payload')
}

/** Each once: a second one of the same id is answered with `not_dead`. */
export async function answered<Parsed>(
  ids: readonly string[], parse: (id: string) => Parsed,
  resolve: (unique: readonly Parsed[]) => Promise<readonly DeadLetterAnswer[]>,
): Promise<readonly DeadLetterAnswer[]> {
  const unique = [...new Set(ids)]
  const answers = await resolve(unique.map(parse))
  const left = new Map(unique.map((id, index) => [id, answers[index] ?? 'not_dead']))
  return ids.map((id) => {
    const answer = left.get(id) ?? 'not_dead'
    left.delete(id)
    return answer
  })
}
