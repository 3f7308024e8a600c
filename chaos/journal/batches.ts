/** What a producer appends: events of a few streams, sometimes late, expected, with a key, or once more. */
import { createHash } from 'node:crypto'
import type { JournalEventDraft } from 'waybill'
import type { SeededRandom } from 'waybill/testkit'
import { NAME_HEADER, nameIn } from '../plan.js'
import { zipf } from '../zipf.js'
import { PRODUCER } from './plan.js'

export interface Draft {
  readonly draft: JournalEventDraft
  readonly name: string
  readonly digest: string
}

export interface Batch {
  /** One append each, of one transaction. */
  readonly calls: readonly (readonly Draft[])[]
  readonly size: number
  readonly key: string | undefined
  /** Of the first call. */
  readonly expected: Record<string, bigint> | undefined
  /** Its transaction stays open for long. */
  readonly isLate: boolean
  readonly isRepeated: boolean
}

export class Batches {
  readonly #producer: string
  readonly #random: SeededRandom
  readonly #rank = zipf(PRODUCER.streams, PRODUCER.zipf)
  #again: Batch[] = []

  constructor(producer: string, random: SeededRandom) {
    this.#producer = producer
    this.#random = random
  }

  async next(tx: string, highest: (stream: string) => Promise<bigint>): Promise<Batch> {
    const again = this.#again.shift()
    if (again !== undefined) return { ...again, expected: undefined, isLate: false, isRepeated: true }
    const random = this.#random
    const isLate = random.next() < PRODUCER.late
    const streams = Array.from({ length: random.integer(1, PRODUCER.mostStreams) }, () => this.#stream(isLate))
    const drafts = Array.from({ length: random.integer(1, PRODUCER.mostEvents) }, (_, number) => (
      this.#draft(tx, number, streams[random.integer(0, streams.length - 1)] ?? '')))
    const cut = random.next() < PRODUCER.inTwoCalls ? random.integer(1, drafts.length) : drafts.length
    const calls = [drafts.slice(0, cut), drafts.slice(cut)].filter(({ length }) => length > 0)
    const [first] = drafts
    const stream = random.next() < PRODUCER.expects ? first?.draft.stream : undefined
    return {
      calls, size: drafts.length, isLate, isRepeated: false,
      key: random.next() < PRODUCER.withKey ? tx : undefined,
      expected: stream === undefined ? undefined : { [stream]: await highest(stream) },
    }
  }

  /** @param again it is to be appended once more, if it can be told by its key. */
  ended(batch: Batch, again: boolean): void {
    if (again && batch.key !== undefined) this.#again.push(batch)
  }

  /** Late ones are nobody else's. */
  #stream(isLate: boolean): string {
    if (!isLate) return `stream-${this.#rank(() => this.#random.next())}`
    const [slot] = this.#producer.split('r')
    return `late-${slot}-${this.#random.integer(0, PRODUCER.lateStreams - 1)}`
  }

  #draft(tx: string, number: number, stream: string): Draft {
    const random = this.#random
    const poisoned = random.next() < PRODUCER.poison
    const name = nameIn(tx, number, !poisoned ? 'none' : random.next() < 0.5 ? 'refused' : 'hopeless')
    const bytes = Buffer.from(JSON.stringify({ name, filler: 'x'.repeat(random.integer(0, 200)) }))
    const isBinary = random.next() < PRODUCER.binary
    return {
      name,
      digest: createHash('sha256').update(bytes).digest('base64url'),
      draft: {
        stream, type: 'order.placed', headers: { [NAME_HEADER]: name }, payload: bytes,
        contentType: isBinary ? 'application/octet-stream' : 'application/json',
      },
    }
  }
}
