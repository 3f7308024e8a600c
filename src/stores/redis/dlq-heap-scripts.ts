/**
 * The scripts of heaps. Keys: failures, ages, errors, leases, owners, fresh, of one heap. Members and fields are ids.
 *
 *     failures   sorted set, by the count          leases   sorted set of what is drained, by the end of the lease
 *     ages       sorted set, by the last failure   owners   hash of what is drained: by whom
 *     errors     hash                              fresh    hash of what is drained: failures since, if any
 *
 * A lease that is over stays until the next drain or the confirmation. A drain reads from the highest count down, and
 * passes over what is hidden: no more than was drained and not confirmed within a lease.
 *
 * The clock is the server's, asked for in the script; a test's is given as ARGV[1].
 */
import { MAX_HEAP_FAILURES } from '../../core/limits.js'
import { MAX_TIME } from '../../core/validate.js'
import { redisScript } from './connection.js'

const NOW = `
local time = redis.call('TIME')
local now = ARGV[1] ~= '' and tonumber(ARGV[1]) or math.floor(time[1] * 1000 + time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
local function is_hidden(id) return tonumber(redis.call('ZSCORE', KEYS[4], id) or 0) > now end
`
const REMOVE = `
local function remove(id)
  redis.call('ZREM', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
  redis.call('HDEL', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
  redis.call('HDEL', KEYS[5], id)
  redis.call('HDEL', KEYS[6], id)
end
`

/** id, and an error or none. Answers whether the heap was empty. */
export const RECORD_FAILURE = redisScript(`${NOW}
local id = ARGV[2]
local is_first = redis.call('EXISTS', KEYS[1]) == 0
local failures = tonumber(redis.call('ZSCORE', KEYS[1], id) or 0)
local is_drained = redis.call('HEXISTS', KEYS[5], id) == 1
local fresh = tonumber(redis.call('HGET', KEYS[6], id) or 0)
redis.call('ZADD', KEYS[1], text(math.min(failures + 1, ${MAX_HEAP_FAILURES})), id)
redis.call('ZADD', KEYS[2], text(now), id)
if ARGV[3] then redis.call('HSET', KEYS[3], id, ARGV[3]) end
if is_drained then redis.call('HSET', KEYS[6], id, text(math.min(fresh + 1, ${MAX_HEAP_FAILURES}))) end
return is_first and 1 or 0`)

/** id. */
export const RECORD_SUCCESS = redisScript(`${REMOVE}
remove(ARGV[1])
return 1`)

/** threshold, limit, lease, owner. Answers ids, counts and errors. */
export const DRAIN = redisScript(`${NOW}
local limit, offset, found = tonumber(ARGV[3]), 0, {}
repeat
  local page = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', ARGV[2], 'WITHSCORES', 'LIMIT', offset, limit)
  for i = 1, #page, 2 do
    if #found < 3 * limit and not is_hidden(page[i]) then
      found[#found + 1] = page[i]
      found[#found + 1] = text(tonumber(page[i + 1]))
      found[#found + 1] = redis.call('HGET', KEYS[3], page[i])
    end
  end
  offset = offset + limit
until #page < 2 * limit or #found == 3 * limit
local lease_until = text(math.min(now + tonumber(ARGV[4]), ${MAX_TIME}))
for i = 1, #found, 3 do
  redis.call('ZADD', KEYS[4], lease_until, found[i])
  redis.call('HSET', KEYS[5], found[i], ARGV[5])
  redis.call('HDEL', KEYS[6], found[i])
end
return found`)

/**
 * threshold, limit, and the place behind which it begins: count and id, or two empty texts. Answers ids, counts, last
 * failures, whether drained, errors. The place is searched by halves: its own entry may have changed since. Texts are
 * compared by their bytes: Lua's own comparison goes by the server's locale.
 */
export const LIST = redisScript(`${NOW}
local limit, after, last = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]
local function at(rank)
  local entry = redis.call('ZREVRANGE', KEYS[1], rank, rank, 'WITHSCORES')
  return entry[1], tonumber(entry[2])
end
local function is_before(a, b)
  for i = 1, math.min(#a, #b) do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then return x < y end
  end
  return #a < #b
end
local first, behind = 0, redis.call('ZCOUNT', KEYS[1], ARGV[2], '+inf')
local count = behind
while after and first < behind do
  local middle = math.floor((first + behind) / 2)
  local id, failures = at(middle)
  if failures < after or (failures == after and is_before(id, last)) then behind = middle else first = middle + 1 end
end
local found = {}
for rank = first, math.min(first + limit, count) - 1 do
  local id, failures = at(rank)
  found[#found + 1] = id
  found[#found + 1] = text(failures)
  found[#found + 1] = redis.call('ZSCORE', KEYS[2], id)
  found[#found + 1] = is_hidden(id) and '1' or '0'
  found[#found + 1] = redis.call('HGET', KEYS[3], id)
end
return found`)

/** id. Answers one entry as a list does, or nothing. */
export const FIND = redisScript(`${NOW}
local failures = redis.call('ZSCORE', KEYS[1], ARGV[2])
if not failures then return {} end
local hidden = is_hidden(ARGV[2]) and '1' or '0'
local failed_at = redis.call('ZSCORE', KEYS[2], ARGV[2])
return { ARGV[2], text(tonumber(failures)), failed_at, hidden, redis.call('HGET', KEYS[3], ARGV[2]) }`)

/** owner, ids. */
export const CONFIRM = redisScript(`${REMOVE}
for i = 2, #ARGV do
  local id = ARGV[i]
  if redis.call('HGET', KEYS[5], id) == ARGV[1] then
    local fresh = redis.call('HGET', KEYS[6], id)
    if fresh then
      redis.call('ZADD', KEYS[1], fresh, id)
      redis.call('ZREM', KEYS[4], id)
      redis.call('HDEL', KEYS[5], id)
      redis.call('HDEL', KEYS[6], id)
    else
      remove(id)
    end
  end
end
return 1`)

/** age, limit, whether to count only. Answers how many. */
export const PURGE = redisScript(`${NOW}${REMOVE}
local limit, offset, old = tonumber(ARGV[3]), 0, {}
local before = text(now - tonumber(ARGV[2]))
repeat
  local page = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', before, 'LIMIT', offset, limit)
  for i = 1, #page do
    if #old < limit and not is_hidden(page[i]) then old[#old + 1] = page[i] end
  end
  offset = offset + limit
until #page < limit or #old == limit
if ARGV[4] ~= '1' then
  for i = 1, #old do remove(old[i]) end
end
return #old`)
