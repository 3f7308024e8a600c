/**
 * Reservations on a server of the Redis protocol: one key for each, which the server removes when it has run out. Its
 * value is one of
 *
 *     held <until> <owner>          confirmed <until> <digest> <id>
 *
 * where `until` is by the server's clock, or by a test's. One script a call, so nothing comes between what it reads and
 * what it writes.
 */
import type { Clock } from '../../core/environment.js'
import { WaybillError } from '../../core/errors.js'
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import type {
  ConfirmedMessage, ReservationHold, ReservationKey, ReservationProvider, ReserveAnswer,
} from '../../outbox/reservation.js'
import { reservationText } from '../../outbox/reservation.js'
import { RedisConnection, redisScript } from './connection.js'
import { RedisKeys } from './keys.js'
import { textOf } from './replies.js'

const FIND = `
local time = redis.call('TIME')
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or math.floor(time[1] * 1000 + time[2] / 1000)
local kept = redis.call('GET', KEYS[1])
local state, ends, rest
if kept then state, ends, rest = string.match(kept, '^(%a+) (%d+) (.+)$') end
if kept and not state then return redis.error_reply('CORRUPT a reservation is none') end
if state and tonumber(ends) <= now then kept, state = false, nil end
local function keep(word, ms, what)
  local ends_at = string.format('%.0f', now + tonumber(ms))
  redis.call('SET', KEYS[1], word .. ' ' .. ends_at .. ' ' .. what, 'PX', ms)
end
`

/** owner, ttl. Answers what is kept for others. */
const RESERVE = redisScript(`${FIND}
if state and not (state == 'held' and rest == ARGV[2]) then return kept end
keep('held', ARGV[3], ARGV[2])
return false`)

/** digest and id, how long to keep them. */
const CONFIRM = redisScript(`${FIND}
if state == 'confirmed' then return 0 end
keep('confirmed', ARGV[3], ARGV[2])
return 1`)

/** owner. */
const RELEASE = redisScript(`${FIND}
if state ~= 'held' or rest ~= ARGV[2] then return 0 end
return redis.call('DEL', KEYS[1])`)

export interface RedisReservationOptions {
  readonly prefix: string
  /** Replaces the server's clock, for tests. */
  readonly now?: Clock | undefined
}

export class RedisReservations implements ReservationProvider {
  readonly #connection: RedisConnection
  readonly #keys: RedisKeys
  readonly #clock: Clock | undefined

  constructor(commands: RedisCommands, { prefix, now }: RedisReservationOptions) {
    this.#connection = new RedisConnection(commands)
    this.#keys = new RedisKeys(prefix)
    this.#clock = now
  }

  async reserve(key: ReservationKey, { owner, ttlMs }: ReservationHold): Promise<ReserveAnswer> {
    const reply = await this.#connection.run(RESERVE, this.#key(key), [this.#now(), owner, `${ttlMs}`])
    return reply === null ? { kind: 'reserved' } : toAnswer(reply)
  }

  async confirm(key: ReservationKey, { id, digest, keepMs }: ConfirmedMessage): Promise<void> {
    await this.#connection.run(CONFIRM, this.#key(key), [this.#now(), `${digest} ${id}`, `${keepMs}`])
  }

  async release(key: ReservationKey, owner: string): Promise<void> {
    await this.#connection.run(RELEASE, this.#key(key), [this.#now(), owner])
  }

  async close(): Promise<void> {
    this.#connection.close()
  }

  #key(key: ReservationKey): readonly string[] {
    return [this.#keys.reservation(reservationText(key))]
  }

  /** '' stands for the server's. */
  #now(): string {
    return this.#clock?.().toString() ?? ''
  }
}

function toAnswer(reply: RedisReply): ReserveAnswer {
  const [state, , digest = '', ...id] = textOf(reply).split(' ')
  if (state === 'held') return { kind: 'held' }
  if (state === 'confirmed' && id.length > 0) return { kind: 'confirmed', digest, id: id.join(' ') }
  throw new WaybillError('CORRUPT', 'a reservation is not as it was written')
}
