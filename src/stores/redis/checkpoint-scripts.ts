/**
 * The scripts of subscribers' checkpoints. Keys: state, checkpoints, dead, dead-order.
 *
 * The state is a hash: `owner` is absent when nobody is it, `known` when it was forgotten; `term` stays. Checkpoints
 * are a hash by feed, each behind a line with the time of its save. A dead letter is a field of a hash, by its result,
 * and its number is the score of that in a sorted set: the server's microseconds, or one more than the last, which
 * doubles hold until the year 2255.
 *
 * The clock is the server's, asked for in the script; a test's is given as ARGV[1].
 */
import { MAX_TIME } from '../../core/validate.js'
import { redisScript } from './connection.js'

const TIME = `
local time = redis.call('TIME')
local micros = ARGV[1] ~= '' and tonumber(ARGV[1]) * 1000 or time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
`
const FREE = `
  redis.call('HDEL', KEYS[1], 'owner', 'until')
  redis.call('HINCRBY', KEYS[1], 'term', 1)
`

/** owner, lease. Answers whether it was unknown, term, how long the lease holds, checkpoints. */
export const TAKE = redisScript(`${TIME}
local owner, term, ends, known = unpack(redis.call('HMGET', KEYS[1], 'owner', 'term', 'until', 'known'))
if owner and owner ~= ARGV[2] and tonumber(ends) > now then return false end
if owner ~= ARGV[2] then term = redis.call('HINCRBY', KEYS[1], 'term', 1) end
local lease_until = math.min(now + tonumber(ARGV[3]), ${MAX_TIME})
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'until', string.format('%.0f', lease_until), 'known', 1)
return {known and 0 or 1, tostring(term), lease_until - now, redis.call('HGETALL', KEYS[2])}`)

/** Answers nothing of one that is unknown; else owner or '', whether there is one, term, lease, checkpoints. */
export const LOOK = redisScript(`${TIME}
local owner, term, ends, known = unpack(redis.call('HMGET', KEYS[1], 'owner', 'term', 'until', 'known'))
if not known then return false end
return {owner or '', owner and 1 or 0, term, math.max(0, (tonumber(ends or 0)) - now), redis.call('HGETALL', KEYS[2])}`)

/** term, count of checkpoints; feeds and checkpoints, results and what is kept of them. */
export const SAVE = redisScript(`${TIME}
if redis.call('HGET', KEYS[1], 'term') ~= ARGV[2] then return 0 end
local at = 3 + 2 * tonumber(ARGV[3])
local saved = string.format('%.0f', now) .. '\\n'
for i = 4, at, 2 do redis.call('HSET', KEYS[2], ARGV[i], saved .. ARGV[i + 1]) end
local last = tonumber(redis.call('HGET', KEYS[1], 'lastDead') or 0)
for i = at + 1, #ARGV, 2 do
  last = math.max(last + 1, micros)
  redis.call('HSET', KEYS[3], ARGV[i], saved .. ARGV[i + 1])
  redis.call('ZADD', KEYS[4], string.format('%.0f', last), ARGV[i])
end
if #ARGV > at then redis.call('HSET', KEYS[1], 'lastDead', string.format('%.0f', last)) end
return 1`)

/** term. */
export const RELEASE = redisScript(`
local owner, term = unpack(redis.call('HMGET', KEYS[1], 'owner', 'term'))
if not owner or term ~= ARGV[1] then return 0 end
${FREE}
return 1`)

export const FORGET = redisScript(`
if redis.call('HDEL', KEYS[1], 'known') == 0 then return 0 end
${FREE}
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[4])
return 1`)

/** feed, what the results of that feed begin with. */
export const FORGET_FEED = redisScript(`
if redis.call('HDEL', KEYS[2], ARGV[1]) == 0 then return 0 end
${FREE}
for _, result in ipairs(redis.call('ZRANGE', KEYS[4], 0, -1)) do
  if string.sub(result, 1, #ARGV[2]) == ARGV[2] then
    redis.call('HDEL', KEYS[3], result)
    redis.call('ZREM', KEYS[4], result)
  end
end
return 1`)

/** numbers. Answers how many there were. A number is of one result. */
export const DISCARD = redisScript(`
local count = 0
for _, number in ipairs(ARGV) do
  for _, result in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], number, number)) do
    redis.call('HDEL', KEYS[3], result)
    count = count + redis.call('ZREM', KEYS[4], result)
  end
end
return count`)

/** age, limit, whether to count only. Answers how many. The numbers are times. */
export const PURGE_DEAD = redisScript(`${TIME}
local before = string.format('%.0f', (now - tonumber(ARGV[2]) + 1) * 1000)
local old = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. before, 'LIMIT', 0, ARGV[3])
if ARGV[4] ~= '1' then
  for _, result in ipairs(old) do
    redis.call('HDEL', KEYS[3], result)
    redis.call('ZREM', KEYS[4], result)
  end
end
return #old`)

/** after, limit. Answers numbers, and what is kept of their results. */
export const DEAD = redisScript(`
local found = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
local letters = {}
for i = 1, #found, 2 do
  letters[#letters + 1] = string.format('%.0f', tonumber(found[i + 1]))
  letters[#letters + 1] = redis.call('HGET', KEYS[3], found[i])
end
return letters`)
