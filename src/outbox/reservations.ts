/**
 * Reservations around the transactions that Waybill begins and ends:
 *
 *     begin · reserve, then enqueue · commit · look which messages are stored · confirm those, release the rest
 *     begin · reserve, then enqueue · rollback · release
 *
 * A transaction is an owner of its own. Whatever happens in between, a key is confirmed only for a message that was
 * seen committed, under its own id and identity: also one that was undone by a savepoint leaves its key free, and one
 * whose commit failed without saying so leaves it to run out. So the worst that a crash, a slow transaction or a server
 * without memory can do is that a key is held until it runs out, or free too early; then its row in the database
 * decides, as without reservations.
 */
import { monotonicMs, newToken } from '../core/environment.js'
import { isWaybillError, validationError, WaybillError } from '../core/errors.js'
import { MAX_NAME_BYTES } from '../core/limits.js'
import { assertDuration, assertName } from '../core/validate.js'
import { quietly } from '../runner/quietly.js'
import type { EnqueueResult, NewMessage, OutboxMessage } from './message.js'
import { reservationText, type ReservationKey, type ReservationProvider, type ReserveAnswer } from './reservation.js'
import { askEach, within } from './reservation-calls.js'

/** How long a key is held for an open transaction: one minute. */
export const DEFAULT_RESERVATION_TTL_MS = 60_000
/** How long a confirmed key turns repetitions away: one day, as in the design this comes from. */
export const DEFAULT_RESERVATION_KEEP_MS = 86_400_000

/** How long nothing is reserved after a failure under `fail-open`: five seconds. */
export const RESERVATION_COOL_DOWN_MS = 5_000

export interface ReservationOptions {
  /** `redis({ … }).reservations`, or `memoryReservations()`. */
  readonly provider: ReservationProvider
  /**
   * Whose keys these are: the same in all producers that may repeat each other, and in no others. Two services with one
   * namespace turn each other's messages away where lane, target and key are the same. Not blank, at most 255 bytes.
   */
  readonly namespace: string
  /**
   * What `enqueue` does when the provider fails or does not answer in time. `fail-open`: goes on without it, so only
   * the database's own keys turn repetitions away; nothing more is asked of it in that transaction, and nothing is
   * reserved for the next five seconds. `fail-closed`: throws STORE_UNAVAILABLE, and nothing is enqueued.
   */
  readonly onUnavailable: 'fail-open' | 'fail-closed'
  /** Longer than your longest transaction. 100 ms…1 day. Default 60,000. */
  readonly ttlMs?: number | undefined
  /** How long a committed key turns repetitions away. 1 s…100 years. Default one day. */
  readonly keepMs?: number | undefined
  /**
   * For all that one call asks of the provider, and for the look after the commit. 1 ms…1 minute,
   * and at most `ttlMs`. Default 1,000.
   */
  readonly timeoutMs?: number | undefined
  /** Told of every failure, also of those that change nothing. What it throws changes nothing. */
  readonly onError?: ((error: unknown, step: 'reserve' | 'confirm' | 'release') => void) | undefined
}

/** What one transaction holds. */
interface Owned {
  readonly owner: string
  /** All that were asked for, also those whose answer was lost. */
  readonly keys: Map<string, ReservationKey>
  /** Those for which the database has answered. */
  readonly written: Map<string, Written>
  /** The provider has failed in it, and it goes on alone. */
  failed: boolean
}

interface Written {
  readonly key: ReservationKey
  readonly id: string
  readonly digest: string
}

type Write = (messages: readonly NewMessage[]) => Promise<readonly EnqueueResult[]>
/** The stored ones of these messages, whatever their scope. */
type Stored = (ids: readonly string[]) => Promise<readonly OutboxMessage[]>

export interface ReservationPorts {
  readonly stored: Stored
  /** False where a message is removed as it is delivered: one that is not found may have been committed. */
  readonly keepsDelivered: boolean
}

export class Reservations {
  readonly #provider: ReservationProvider
  readonly #namespace: string
  readonly #stored: Stored
  readonly #keepsDelivered: boolean
  readonly #policy: ReservationOptions['onUnavailable']
  readonly #ttlMs: number
  readonly #keepMs: number
  readonly #timeoutMs: number
  readonly #onError: ReservationOptions['onError']
  #askAgainAt = 0
  readonly #open = new WeakMap<object, Owned>()

  /** @throws VALIDATION. */
  constructor(options: ReservationOptions, { stored, keepsDelivered }: ReservationPorts) {
    const { provider, onUnavailable } = options
    if ([provider?.reserve, provider?.confirm, provider?.release].some((step) => typeof step !== 'function')) {
      throw validationError('reservations.provider', 'is required, with reserve, confirm and release')
    }
    if (onUnavailable !== 'fail-open' && onUnavailable !== 'fail-closed') {
      throw validationError('reservations.onUnavailable', 'must be fail-open or fail-closed')
    }
    this.#provider = provider
    this.#namespace = assertName('reservations.namespace', options.namespace, MAX_NAME_BYTES)
    this.#stored = stored
    this.#keepsDelivered = keepsDelivered
    this.#policy = onUnavailable
    const { ttlMs = DEFAULT_RESERVATION_TTL_MS, keepMs = DEFAULT_RESERVATION_KEEP_MS, timeoutMs = 1_000 } = options
    this.#ttlMs = assertDuration('reservations.ttlMs', ttlMs, 100, 86_400_000)
    this.#keepMs = assertDuration('reservations.keepMs', keepMs, 1_000)
    this.#timeoutMs = assertDuration('reservations.timeoutMs', timeoutMs, 1, 60_000)
    if (timeoutMs > ttlMs) throw validationError('reservations.timeoutMs', 'must be at most ttlMs')
    if (options.onError !== undefined && typeof options.onError !== 'function') {
      throw validationError('reservations.onError', 'must be a function')
    }
    this.#onError = options.onError
  }

  /** Runs `work` in a transaction that `begin` begins and ends, and ends what it has reserved. */
  async transaction<Tx, T>(
    begin: (work: (tx: Tx) => Promise<T>) => Promise<T>, work: (tx: Tx) => Promise<T>,
  ): Promise<T> {
    const owned: Owned = { owner: newToken(), keys: new Map(), written: new Map(), failed: false }
    let result: T
    let hasWorked = false
    try {
      result = await begin(async (tx) => {
        if (isHandle(tx)) this.#open.set(tx, owned)
        try {
          const worked = await work(tx)
          hasWorked = true
          return worked
        } finally {
          // Before it is committed or rolled back: what was not awaited finds no transaction to write in.
          if (isHandle(tx)) this.#open.delete(tx)
        }
      })
    } catch (error) {
      // A commit whose reply is lost may yet take effect, also behind a look that does not see it.
      if (hasWorked && !isWaybillError(error, 'TRANSACTION_ABORTED')) await this.#confirmStored(owned)
      else if (!owned.failed) await this.#release([...owned.keys.values()], owned.owner)
      throw error
    }
    await this.#committed(owned)
    return result
  }

  /**
   * Writes those whose key is free. A repetition of what is confirmed is answered without the database.
   * @throws RESERVED, CONFLICT, STORE_UNAVAILABLE, CONFIG_INVALID; each before anything is written.
   */
  async enqueue(tx: unknown, messages: readonly NewMessage[], write: Write): Promise<readonly EnqueueResult[]> {
    if (messages.every(({ dedupe }) => dedupe === null)) return write(messages)
    const owned = isHandle(tx) ? this.#open.get(tx) : undefined
    if (owned === undefined) throw outsideTransaction()
    const reserved = await this.#reserve(owned, messages)
    if (isHandle(tx) && this.#open.get(tx) !== owned) {
      throw new WaybillError('NOT_IN_TRANSACTION', 'the transaction ended while its dedupe keys were reserved')
    }
    const known = this.#repeated(messages, reserved)
    const answers = await write(messages.filter((_, at) => known[at] === undefined))
    let next = 0
    return messages.map((message, at) => {
      const id = known[at]
      if (id !== undefined) return { id, created: false, message: undefined }
      const answer = answers[next]
      next += 1
      if (answer === undefined) throw new WaybillError('STORE_FAILED', 'the store gave no answer')
      this.#note(owned, message, answer)
      return answer
    })
  }

  async #reserve(owned: Owned, messages: readonly NewMessage[]): Promise<ReadonlyMap<string, ReserveAnswer>> {
    if (owned.failed || monotonicMs() < this.#askAgainAt) return new Map()
    const keys = new Map(messages.flatMap((message) => {
      const key = this.#keyOf(message)
      return key === undefined ? [] : [[reservationText(key), key] as const]
    }))
    // Before they are asked for: an answer that is lost is released with the rest.
    for (const [text, key] of keys) owned.keys.set(text, key)
    const { answers, failure } = await askEach([...keys].sort(byText), this.#timeoutMs, async (key) => (
      checked(await this.#provider.reserve(key, { owner: owned.owner, ttlMs: this.#ttlMs }))))
    for (const [text, { kind }] of answers) if (kind !== 'reserved') owned.keys.delete(text)
    if (failure !== undefined) {
      this.#tell(failure.cause, 'reserve')
      if (this.#policy === 'fail-closed') {
        throw new WaybillError('STORE_UNAVAILABLE', 'dedupe keys cannot be reserved now', {
          retryable: true, cause: failure.cause,
        })
      }
      // One that hangs would keep every transaction open for as long as it may take to answer.
      owned.failed = true
      this.#askAgainAt = monotonicMs() + RESERVATION_COOL_DOWN_MS
    }
    return answers
  }

  /** Never throws: the transaction has committed. */
  async #committed(owned: Owned): Promise<void> {
    const confirmed = await this.#confirmStored(owned)
    if (confirmed === undefined) return
    const { keys, written, owner } = owned
    const isOver = (text: string): boolean => confirmed.has(text) || (!this.#keepsDelivered && written.has(text))
    await this.#release([...keys].filter(([text]) => !isOver(text)).map(([, key]) => key), owner)
  }

  /** Those that it has confirmed, or tried to; undefined when there is nothing to end, or no telling. Never throws. */
  async #confirmStored({ keys, written, failed }: Owned): Promise<ReadonlySet<string> | undefined> {
    if (failed || keys.size === 0) return undefined
    const stored = await this.#seen([...written])
    if (stored === undefined) return undefined
    const { failure } = await askEach(stored, this.#timeoutMs, ({ key, id, digest }) => (
      this.#provider.confirm(key, { id, digest, keepMs: this.#keepMs })))
    if (failure !== undefined) this.#tell(failure.cause, 'confirm')
    return new Set(stored.map(([text]) => text))
  }

  /** Those that the database has, by id and identity; undefined when it cannot be asked, or does not answer in time. */
  async #seen(written: readonly (readonly [string, Written])[]): Promise<typeof written | undefined> {
    try {
      return await within(this.#timeoutMs, this.#look(written))
    } catch (error) {
      this.#tell(error, 'confirm')
      return undefined
    }
  }

  async #look(written: readonly (readonly [string, Written])[]): Promise<typeof written> {
    const found: (readonly [string, Written])[] = []
    for (let at = 0; at < written.length; at += PAGE) {
      const page = written.slice(at, at + PAGE)
      const messages = await this.#stored(page.map(([, { id }]) => id))
      const texts = new Map(messages.map((message) => [message.id, this.#textOf(message)]))
      found.push(...page.filter(([text, { id }]) => texts.get(id) === text))
    }
    return found
  }

  async #release(keys: readonly ReservationKey[], owner: string): Promise<void> {
    const all = keys.map((key) => [reservationText(key), key] as const)
    const { failure } = await askEach(all, this.#timeoutMs, (key) => this.#provider.release(key, owner))
    if (failure !== undefined) this.#tell(failure.cause, 'release')
  }

  /** The ids of those that are committed already. @throws RESERVED, CONFLICT. */
  #repeated(
    messages: readonly NewMessage[], answers: ReadonlyMap<string, ReserveAnswer>,
  ): readonly (string | undefined)[] {
    return messages.map((message) => {
      const key = this.#keyOf(message)
      const answer = key && answers.get(reservationText(key))
      if (key === undefined || answer === undefined || answer.kind === 'reserved') return undefined
      const { lane, target, dedupeKey } = key
      const details = { lane, target, dedupeKey }
      if (answer.kind === 'held') {
        throw new WaybillError('RESERVED', 'another transaction that is still open has the dedupe key', {
          retryable: true, details,
        })
      }
      if (answer.digest !== digestOf(message)) {
        throw new WaybillError('CONFLICT', 'the dedupe key exists with other content', {
          details: { ...details, existingId: answer.id },
        })
      }
      return answer.id
    })
  }

  #note({ written }: Owned, message: NewMessage, { id }: EnqueueResult): void {
    const key = this.#keyOf(message)
    if (key !== undefined) written.set(reservationText(key), { key, id, digest: digestOf(message) })
  }

  #keyOf({ scope, lane, target, dedupe }: NewMessage): ReservationKey | undefined {
    return dedupe === null ? undefined : { namespace: this.#namespace, scope, lane, target, dedupeKey: dedupe.key }
  }

  #textOf({ scope, lane, target, dedupeKey = '' }: OutboxMessage): string {
    return reservationText({ namespace: this.#namespace, scope, lane, target, dedupeKey })
  }

  #tell(error: unknown, step: 'reserve' | 'confirm' | 'release'): void {
    quietly(() => this.#onError?.(error, step))
  }
}

/** Messages that are looked for at once, with their payloads. */
const PAGE = 100

function checked(answer: ReserveAnswer): ReserveAnswer {
  if (['reserved', 'held', 'confirmed'].includes(answer?.kind)) return answer
  throw new WaybillError('CORRUPT', 'the provider of reservations gave another answer than was asked for')
}

function digestOf({ dedupe }: NewMessage): string {
  return Buffer.from(dedupe?.digest ?? []).toString('hex')
}

function byText([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** The transactions of postgres.js are functions. */
function isHandle(tx: unknown): tx is object {
  return (typeof tx === 'object' && tx !== null) || typeof tx === 'function'
}

/** For messages with dedupe keys, in a transaction of which nobody will tell how it ended. */
export function outsideTransaction(): WaybillError {
  return new WaybillError('CONFIG_INVALID', 'with reservations, dedupe keys are for waybill.transaction and '
    + 'enqueueAlone: of any other transaction nobody can tell whether it committed')
}
