/**
 * The scripts of feeds. Keys: state, log, rows.
 *
 * The state is a hash. The log is a sorted set of one score, whose order is then that of its members' bytes: each is
 * the number in 20 digits, and the result behind it. So a range of numbers is a range of members, which one call reads
 * or takes out, at a cost that depends on how many those are. Scores would not do: they are doubles. Rows are a hash by
 * signature.
 *
 * Lua's numbers are doubles, too. So sequences stay texts of 20 digits, compared as such, and added to in two halves.
 */
import { MAX_ASSIGNED } from '../../core/u64.js'
import { redisScript } from './connection.js'
import { padded } from './replies.js'

const PLUS = `
local function plus(number, n)
  local high, low = tonumber(string.sub(number, 1, 6)), tonumber(string.sub(number, 7)) + n
  if low >= 1e14 then high, low = high + 1, low - 1e14 end
  if low < 0 then high, low = high - 1, low + 1e14 end
  return string.format('%06d%014.0f', high, low)
end
`
/** In the order in which states are answered. The revision grows when rows change without a result. */
export const STATE_FIELDS = ['incarnation', 'config', 'sequence', 'first', 'capacity', 'revision'] as const
const STATE = `
local function read()
  local state = redis.call('HMGET', KEYS[1], ${STATE_FIELDS.map((field) => `'${field}'`).join(', ')})
  return state[1] and state
end
`
/** incarnation, config hash, capacity. */
const MAKE = `
  redis.call('HSET', KEYS[1], 'incarnation', ARGV[1], 'config', ARGV[2], 'capacity', ARGV[3],
    'sequence', '${padded(0n)}', 'first', '${padded(1n)}', 'revision', '0')
  redis.call('UNLINK', KEYS[2], KEYS[3])
`

/** Answers the state, and whether it was made now. */
export const OPEN = redisScript(`${STATE}
local found = read()
if found then return {found, 0} end
${MAKE}
return {read(), 1}`)

export const RESET = redisScript(`${STATE}${MAKE}
return read()`)

export const DELETE = redisScript(`
local found = redis.call('EXISTS', KEYS[1])
if found == 1 then redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3]) end
return found`)

/**
 * config hash, capacity, count of results, count of those that are sent, count of rows to put, and of those to delete;
 * then the results that stay, the signatures and contents of the rows, the signatures.
 */
export const COMMIT = redisScript(`${STATE}${PLUS}
local state = read()
if not state or state[2] ~= ARGV[1] then return false end
local capacity, count, sent = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local put, gone = tonumber(ARGV[5]), tonumber(ARGV[6])
local sequence = plus(state[3], count)
if sequence > '${padded(MAX_ASSIGNED)}' then return 'exhausted' end
local first = state[4]
if sequence >= string.format('%020d', capacity) then
  local oldest = plus(sequence, 1 - capacity)
  if oldest > first then first = oldest end
end
redis.call('HSET', KEYS[1], 'sequence', sequence, 'first', first, 'capacity', ARGV[2])
if count == 0 and put + gone > 0 then redis.call('HINCRBY', KEYS[1], 'revision', 1) end
if sent > 0 then
  redis.call('ZREMRANGEBYLEX', KEYS[2], '[' .. plus(sequence, 1 - sent), '(' .. plus(sequence, 1))
  for i = 1, sent do redis.call('ZADD', KEYS[2], 0, plus(sequence, i - sent) .. ARGV[6 + i]) end
end
if first > state[4] then redis.call('ZREMRANGEBYLEX', KEYS[2], '-', '(' .. first) end
local at = 6 + sent
for i = at + 1, at + 2 * put, 2 do redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1]) end
at = at + 2 * put
for i = at + 1, at + gone do redis.call('HDEL', KEYS[3], ARGV[i]) end
return {state[1], state[2], sequence, first, ARGV[2]}`)

/** The first number asked for, limit. Answers the state, and members. */
export const PAGE = redisScript(`${STATE}${PLUS}
local state = read()
if not state then return false end
local from = ARGV[1]
if state[4] > from then from = state[4] end
return {state, redis.call('ZRANGEBYLEX', KEYS[2], '[' .. from, '(' .. plus(state[3], 1), 'LIMIT', 0, ARGV[2])}`)

/** Key: log. The number, the next one, content. */
export const APPEND = redisScript(`
local before, member = redis.call('ZRANGEBYLEX', KEYS[1], '[' .. ARGV[1], '(' .. ARGV[2]), ARGV[1] .. ARGV[3]
redis.call('ZADD', KEYS[1], 0, member)
for _, other in ipairs(before) do
  if other ~= member then redis.call('ZREM', KEYS[1], other) end
end`)

/** Key: log. */
export const LATEST = redisScript(`
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0)[1]
return last and string.sub(last, 1, 20)`)

/** Key: log. Capacity. */
export const TRIM = redisScript(`
local surplus = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[1])
if surplus <= 0 then return 0 end
return redis.call('ZREMRANGEBYRANK', KEYS[1], 0, surplus - 1)`)

/** Key: rows. Count of rows to put, and of those to delete; signatures and contents, signatures. */
export const MUTATE = redisScript(`
local put, gone = tonumber(ARGV[1]), tonumber(ARGV[2])
local at = 2 + 2 * put
for i = 3, at, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
for i = at + 1, at + gone do redis.call('HDEL', KEYS[1], ARGV[i]) end`)
