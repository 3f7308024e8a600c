/**
 * Entries of heaps. A heap only counts: what an entry stands for is elsewhere, and is redriven there. To discard one is
 * to forget its failures.
 */
import { validationError } from '../../core/errors.js'
import { DEFAULT_SCOPE, nameOfKey, scopedName, type ScopeId } from '../../core/scope.js'
import type { HeapStore } from '../contract.js'
import {
  formatDeadLetterId, parseDeadLetterId, type DeadLetter, type DeadLetterAnswer, type DeadLetterDetails,
} from '../dead-letter.js'
import type { HeapPlace, HeapRecord } from '../heap.js'
import { CLASSIC_DLQ_THRESHOLD } from '../processor.js'
import {
  answered, unsupported, type DeadLetterFilter, type DeadLetterPlaces, type PlacedLetter,
} from '../source.js'
import { assertThreshold } from '../stored-heap.js'

interface Entry {
  readonly heap: string
  readonly id: string
}

export class HeapDeadLetters implements DeadLetterPlaces {
  readonly #store: HeapStore
  readonly #scope: ScopeId | undefined

  constructor(store: HeapStore, scope: ScopeId | undefined) {
    this.#store = store
    this.#scope = scope
  }

  /** By heap; in each the highest counts first. */
  async list(
    { name, threshold = CLASSIC_DLQ_THRESHOLD }: DeadLetterFilter, cursor: string | undefined, limit: number,
  ): Promise<readonly PlacedLetter[]> {
    assertThreshold(threshold)
    const [from, place] = cursor === undefined ? [undefined, undefined] : placeOf(cursor)
    const found: PlacedLetter[] = []
    for await (const heap of this.#heaps(name, from)) {
      const after = heap === from ? place : undefined
      const page = await this.#store.list({ heap, threshold, after, limit: limit - found.length })
      for (const entry of page) found.push({ letter: letterOf(heap, entry), cursor: cursorOf(heap, entry) })
      if (found.length === limit) break
    }
    return found
  }

  async get(id: string): Promise<DeadLetterDetails | undefined> {
    const entry = this.#entryOf(id)
    if (entry === undefined) return undefined
    const record = await this.#store.find(entry)
    if (record === undefined) return undefined
    const letter = letterOf(entry.heap, record)
    const { attempts: attempt, diedAt: failedAt, error } = letter
    return {
      letter, failures: [{ attempt, failedAt, consumer: nameOfKey(entry.heap).name, error }], edits: [], headers: {},
      payload: undefined, contentType: '',
    }
  }

  checkRedrive(): void {
    throw unsupported('redrive', 'heap',
      'a heap only counts failures: redrive what its entry stands for, or discard the entry to forget them')
  }

  async redrive(): Promise<never> {
    return this.checkRedrive() as never
  }

  async discard(ids: readonly string[]): Promise<readonly DeadLetterAnswer[]> {
    return answered(ids, (id) => this.#entryOf(id), async (entries) => {
      const answers: DeadLetterAnswer[] = []
      for (const entry of entries) {
        const isThere = entry !== undefined && await this.#store.find(entry) !== undefined
        if (isThere) await this.#store.recordSuccess(entry)
        answers.push(isThere ? 'discarded' : 'not_dead')
      }
      return answers
    })
  }

  async purge({ olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number }): Promise<number> {
    if (this.#scope === undefined) {
      return this.#store.purge({ heap: undefined, olderThanMs, limit, dryRun: false })
    }
    let count = 0
    for await (const heap of this.#heaps(undefined, undefined)) {
      count += await this.#store.purge({ heap, olderThanMs, limit: limit - count, dryRun: false })
      if (count >= limit) break
    }
    return count
  }

  /** Keys of the view's heaps, from this one on. */
  async* #heaps(only: string | undefined, from: string | undefined): AsyncGenerator<string> {
    if (only !== undefined) return yield scopedName(this.#scope ?? DEFAULT_SCOPE, only)
    if (from !== undefined && this.#isOwn(from)) yield from
    for (let after = from ?? ''; ;) {
      const next = await this.#store.nextHeap(after)
      if (next === undefined) return
      if (this.#isOwn(next)) yield next
      after = next
    }
  }

  #entryOf(id: string): Entry | undefined {
    const parsed = parseDeadLetterId(id)
    return parsed.source === 'heap' && this.#isOwn(parsed.name) ? { heap: parsed.name, id: parsed.rest } : undefined
  }

  #isOwn(heap: string): boolean {
    return this.#scope === undefined || nameOfKey(heap).scope === this.#scope
  }
}

/** An entry's place is its count, too: `<id>:<failures>`. */
function cursorOf(heap: string, { id, failures }: HeapPlace): string {
  return `${formatDeadLetterId('heap', heap, id)}:${failures}`
}

/** @throws VALIDATION. */
function placeOf(cursor: string): readonly [heap: string, HeapPlace] {
  const [, id = '', failures = ''] = /^(.+):(\d{1,10})$/.exec(cursor) ?? []
  const parsed = parseDeadLetterId(id, 'cursor')
  if (parsed.source !== 'heap') throw validationError('cursor', 'is no place in a list: take it from the page before')
  return [parsed.name, { id: parsed.rest, failures: assertThreshold(Number(failures)) }]
}

function letterOf(heap: string, { id, failures, lastError = '', failedAt, isDrained }: HeapRecord): DeadLetter {
  return {
    id: formatDeadLetterId('heap', heap, id), source: 'heap', scope: nameOfKey(heap).scope, heap, entry: id,
    attempts: failures, error: lastError, diedAt: failedAt, isDrained,
  }
}
