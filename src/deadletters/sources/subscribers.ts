/** Results that subscribers gave up. */
import type { Codec } from '../../core/codec.js'
import { nameOfKey, scopedName, DEFAULT_SCOPE, type ScopeId } from '../../core/scope.js'
import type { CheckpointStore, DeadResult } from '../../feeds/checkpoints.js'
import { decodeResult } from '../../feeds/frame.js'
import {
  formatDeadLetterId, numberOf, parseDeadLetterId, type DeadLetter, type DeadLetterAnswer, type DeadLetterDetails,
} from '../dead-letter.js'
import {
  answered, refuseEdit, unsupported, type DeadLetterFilter, type DeadLetterPlaces, type PlacedLetter,
  type RedriveLetterOptions,
} from '../source.js'

export interface SubscriberDeadLetterPorts {
  readonly checkpoints: CheckpointStore
  readonly codec: Codec
  readonly scope: ScopeId | undefined
}

const NAMES_PAGE = 100
/** Read together for a list, which has no use for the results themselves: they may be large. */
const LETTERS_PAGE = 10

interface Place {
  readonly subscriber: string
  readonly number: bigint
}

export class SubscriberDeadLetters implements DeadLetterPlaces {
  readonly #ports: SubscriberDeadLetterPorts

  constructor(ports: SubscriberDeadLetterPorts) {
    this.#ports = ports
  }

  async list(
    { name }: DeadLetterFilter, cursor: string | undefined, limit: number,
  ): Promise<readonly PlacedLetter[]> {
    const place = cursor === undefined ? undefined : this.#place(cursor)
    const found: PlacedLetter[] = []
    for await (const subscriber of this.#subscribers(name, place?.subscriber)) {
      for (let after = subscriber === place?.subscriber ? place.number : 0n; found.length < limit;) {
        const wanted = Math.min(LETTERS_PAGE, limit - found.length)
        const page = await this.#ports.checkpoints.deadLetters({ subscriber, after, limit: wanted })
        for (const letter of page.map(letterOf)) found.push({ letter, cursor: letter.id })
        after = page.at(-1)?.number ?? after
        if (page.length < wanted) break
      }
      if (found.length === limit) break
    }
    return found
  }

  async get(id: string): Promise<DeadLetterDetails | undefined> {
    const dead = await this.#find(this.#place(id))
    if (dead === undefined) return undefined
    const { attempts: attempt, diedAt: failedAt, error } = dead
    return {
      letter: letterOf(dead), edits: [], headers: {}, payload: dead.data, contentType: FRAMES,
      failures: [{ attempt, failedAt, consumer: nameOfKey(dead.subscriber).name, error }],
    }
  }

  checkRedrive(options: RedriveLetterOptions): void {
    refuseEdit('subscriber', options)
    if (options.handle !== undefined) return
    throw unsupported('redrive', 'subscriber',
      'a result is redriven to a handler, in your application: waybill.deadLetters.redrive(id, { handle })')
  }

  /** One after another, each when its turn has come: they may be large. */
  async redrive(ids: readonly string[], options: RedriveLetterOptions): Promise<readonly DeadLetterAnswer[]> {
    this.checkRedrive(options)
    return answered(ids, (id) => this.#place(id), async (places) => {
      const answers: DeadLetterAnswer[] = []
      for (const place of places) {
        const dead = await this.#find(place)
        answers.push(dead === undefined ? 'not_dead' : await this.#handle(dead, options))
      }
      return answers
    })
  }

  async discard(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    return answered(ids, (id) => this.#place(id), async (places) => {
      const answers: DeadLetterAnswer[] = []
      for (const place of places) {
        const count = place === undefined ? 0 : await this.#discard(place)
        answers.push(count === 0 ? 'not_dead' : 'discarded')
      }
      return answers
    })
  }

  async purge(request: { readonly olderThanMs: number; readonly limit: number }): Promise<number | undefined> {
    const { checkpoints, scope } = this.#ports
    return scope === undefined ? checkpoints.purgeDead({ subscriber: undefined, ...request, dryRun: false }) : undefined
  }

  async #handle(dead: DeadResult, { handle }: RedriveLetterOptions): Promise<DeadLetterAnswer> {
    try {
      await handle?.(decodeResult(dead.sequence, dead.data, this.#ports.codec), letterOf(dead))
    } catch {
      return 'failed'
    }
    await this.#discard(dead)
    return 'redriven'
  }

  #discard({ subscriber, number }: Place): Promise<number> {
    return this.#ports.checkpoints.discard({ subscriber, numbers: [number] })
  }

  async #find(place: Place | undefined): Promise<DeadResult | undefined> {
    if (place === undefined) return undefined
    const { subscriber, number } = place
    const [dead] = await this.#ports.checkpoints.deadLetters({ subscriber, after: number - 1n, limit: 1 })
    return dead?.number === number ? dead : undefined
  }

  /** Keys of the view's subscribers, from this one on. */
  async* #subscribers(only: string | undefined, from: string | undefined): AsyncGenerator<string> {
    const { checkpoints, scope } = this.#ports
    if (only !== undefined) return yield scopedName(scope ?? DEFAULT_SCOPE, only)
    if (from !== undefined) yield from
    for (let after = from ?? ''; ;) {
      const page = await checkpoints.list({ after, limit: NAMES_PAGE })
      for (const { subscriber } of page) if (this.#isOwn(subscriber)) yield subscriber
      after = page.at(-1)?.subscriber ?? after
      if (page.length < NAMES_PAGE) return
    }
  }

  /** Undefined for what is of another scope. @throws VALIDATION. */
  #place(id: string): Place | undefined {
    const parsed = parseDeadLetterId(id)
    if (parsed.source !== 'subscriber' || !this.#isOwn(parsed.name)) return undefined
    return { subscriber: parsed.name, number: numberOf(parsed.rest) }
  }

  #isOwn(subscriber: string): boolean {
    const { scope } = this.#ports
    return scope === undefined || nameOfKey(subscriber).scope === scope
  }
}

/** Of a result's bytes: what the log has, with the codec's content in it. */
const FRAMES = 'application/octet-stream'

function letterOf(dead: DeadResult): DeadLetter {
  const { subscriber, number, feed, incarnation, sequence, attempts, error, diedAt } = dead
  const { name, scope } = nameOfKey(feed)
  return {
    id: formatDeadLetterId('subscriber', subscriber, number), source: 'subscriber', scope, subscriber, feed: name,
    incarnation, sequence, attempts, error, diedAt,
  }
}
