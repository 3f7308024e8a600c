/**
 * Offsets kept in the journal itself, in a stream of their own: no table beside it, and whatever copies or restores the
 * journal takes them along.
 *
 *     outbox::mailer::offsets   … 41: the whole map   42: the whole map     the newest record says all
 *
 * Each record is written where the one before it was the last one, by `expectedSequence`. So a process that another has
 * taken over from writes at a number that is taken, and learns of it; to take over is to write a record. What is
 * superseded is removed, but for one record.
 *
 * What can interleave: two that take over at once expect the same number, one of them gets it, and the other reads that
 * record and takes over from there. A write whose answer was lost is found at its number by who wrote it, when the
 * next one wants the number: a writer's id is of one store object.
 */
import { systemClock, systemRandom } from '../core/environment.js'
import { isWaybillError, WaybillError } from '../core/errors.js'
import { DEFAULT_MAX_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES } from '../core/limits.js'
import { DEFAULT_SCOPE } from '../core/scope.js'
import { assertInteger } from '../core/validate.js'
import type { JournalStore } from './contract.js'
import type { JournalEvent } from './event.js'
import { FencedOffsets, type OffsetLedger, type OffsetOwnership, type Offsets } from './fenced-offsets.js'
import { Journal } from './journal.js'
import { decodeOffsets, encodeOffsets } from './offset-record.js'
import { corruptOffsets } from './offset-store.js'

/** The type, the manifest and the one tag of a record. */
const RECORD = 'outbox-offsets'

/** Records that others write while this one takes over. */
const MAX_ROUNDS = 100

export interface JournalOffsetOptions {
  /** A save of more fails with PAYLOAD_TOO_LARGE. Default 262,144 (256 KiB); at most 64 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /**
   * What `load` does where the newest record is damaged or deleted: `previous` takes the newest that is intact, so some
   * events are published again. Default: it throws CORRUPT.
   */
  readonly fallback?: 'previous' | undefined
}

/**
 * @example
 * const offsets = new JournalOffsetStore('mailer', waybill.journal.store)
 */
export class JournalOffsetStore extends FencedOffsets {
  constructor(name: string, journal: JournalStore, options: JournalOffsetOptions = {}) {
    super(name, new OffsetBucket(name, journal, options))
  }
}

class OffsetBucket implements OffsetLedger {
  readonly #name: string
  readonly #stream: string
  readonly #store: JournalStore
  readonly #journal: Journal<unknown>
  readonly #options: JournalOffsetOptions
  readonly #maxPayloadBytes: number
  readonly #writerId = newWriterId()

  constructor(name: string, store: JournalStore, options: JournalOffsetOptions) {
    this.#name = name
    this.#stream = `outbox::${name}::offsets`
    this.#store = store
    // A map that is stored already must be taken over, whatever the limit is now.
    this.#journal = new Journal(store, (tx) => tx, { maxPayloadBytes: MAX_PAYLOAD_BYTES })
    this.#options = options
    this.#maxPayloadBytes = assertInteger(
      'maxPayloadBytes', options.maxPayloadBytes ?? DEFAULT_MAX_PAYLOAD_BYTES, 0, MAX_PAYLOAD_BYTES)
  }

  async take(): Promise<OffsetOwnership> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const highest = await this.#journal.highestSequence(this.#stream)
      const offsets = highest === 0n ? new Map<string, bigint>() : await this.#offsetsAt(highest)
      const sequence = offsets && await this.#append(encodeOffsets(offsets), highest)
      if (offsets !== undefined && sequence !== undefined) return this.#ownership(offsets, sequence)
    }
    throw new WaybillError('TRANSACTION_ABORTED', 'others kept writing these offsets while they were taken over', {
      retryable: true, details: { name: this.#name },
    })
  }

  #ownership(offsets: Offsets, taken: bigint): OffsetOwnership {
    let last = taken
    const write = async (changed: Offsets, saved: Offsets): Promise<boolean> => {
      const payload = this.#encode(new Map([...saved, ...changed]))
      for (;;) {
        const sequence = await this.#append(payload, last)
        if (sequence !== undefined) {
          last = sequence
          return true
        }
        const lost = await this.#ownRecord(last + 1n)
        if (lost === undefined) return false
        last = lost.sequence
        if (Buffer.compare(lost.payload, payload) === 0) return true
      }
    }
    return { offsets, write }
  }

  /** @throws PAYLOAD_TOO_LARGE. */
  #encode(offsets: Offsets): Uint8Array {
    const payload = encodeOffsets(offsets)
    const [bytes, maxPayloadBytes] = [payload.byteLength, this.#maxPayloadBytes]
    if (bytes <= maxPayloadBytes) return payload
    throw new WaybillError('PAYLOAD_TOO_LARGE', `${offsets.size} offsets are ${bytes} bytes in one record; the limit `
      + `is ${maxPayloadBytes}. Raise maxPayloadBytes, or keep them in a table`, {
      details: { name: this.#name, offsets: offsets.size, bytes, maxPayloadBytes },
    })
  }

  /** The record's number, or undefined where the stream is not at the expected one. */
  async #append(payload: Uint8Array, expectedSequence: bigint): Promise<bigint | undefined> {
    const draft = { stream: this.#stream, type: RECORD, manifest: RECORD, tags: [RECORD], payload }
    let sequence: bigint
    try {
      const { events } = await this.#journal.appendAlone([draft], { expectedSequence, writerId: this.#writerId })
      sequence = events[0]?.sequence ?? expectedSequence + 1n
    } catch (error) {
      if (isWaybillError(error, 'SEQUENCE_CONFLICT')) return undefined
      throw error
    }
    await this.#removeSuperseded(sequence - 2n)
    return sequence
  }

  async #removeSuperseded(to: bigint): Promise<void> {
    if (to < 1n) return
    // The record is written: what stays behind now, the next one removes.
    await this.#store.removeTo({ scope: DEFAULT_SCOPE, stream: this.#stream }, to).catch(() => undefined)
  }

  /** The stream's last event, when it has this number and we wrote it. */
  async #ownRecord(sequence: bigint): Promise<JournalEvent | undefined> {
    const [record, next] = await this.#journal.read(this.#stream, { from: sequence, limit: 2 })
    const isOurs = record?.sequence === sequence && record.writerId === this.#writerId && next === undefined
    return isOurs ? record : undefined
  }

  /** Undefined where it was superseded meanwhile. @throws CORRUPT. */
  async #offsetsAt(sequence: bigint): Promise<Offsets | undefined> {
    const [record] = await this.#journal.read(this.#stream, { from: sequence, limit: 1 })
    const offsets = record && offsetsOf(record)
    if (record?.sequence === sequence && offsets !== undefined) return offsets
    if (await this.#journal.highestSequence(this.#stream) !== sequence) return undefined
    const previous = this.#options.fallback === 'previous' ? await this.#newestIntact() : undefined
    if (previous !== undefined) return previous
    const problem = `the newest record is ${record === undefined ? 'deleted' : 'damaged'}`
    throw corruptOffsets(this.#name, problem, { stream: this.#stream, sequence: String(sequence) })
  }

  /** By the tag, which still gives what was deleted and not removed. */
  async #newestIntact(): Promise<Offsets | undefined> {
    let newest: Offsets | undefined
    let cursor: string | undefined
    for (let hasMore = true; hasMore;) {
      const page = await this.#journal.readByTag(RECORD, { cursor, scope: DEFAULT_SCOPE })
      // Those of one stream come in their order.
      for (const event of page.events) if (event.stream === this.#stream) newest = offsetsOf(event) ?? newest
      cursor = page.cursor
      hasMore = page.hasMore
    }
    return newest
  }
}

function offsetsOf({ manifest, payload }: JournalEvent): Offsets | undefined {
  return manifest === RECORD ? decodeOffsets(payload) : undefined
}

/** `outbox-`, and in hexadecimal nanoseconds of the wall clock: those below a millisecond are random. */
function newWriterId(): string {
  const nanoseconds = BigInt(systemClock()) * 1_000_000n + BigInt(Math.floor(systemRandom() * 1_000_000))
  return `outbox-${nanoseconds.toString(16)}`
}
