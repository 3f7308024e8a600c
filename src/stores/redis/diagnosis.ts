/** What of a server's settings would lose feeds: nothing kept on disk, or keys thrown away when memory is full. */
import { ok, problem, skipped, warning, type Finding } from '../../core/diagnosis.js'
import { isWaybillError } from '../../core/errors.js'
import type { RedisCommands, RedisReply } from '../../core/redis-commands.js'
import { RedisConnection } from './connection.js'
import { textOf } from './replies.js'

const SETTINGS = ['appendonly', 'appendfsync', 'maxmemory-policy'] as const

/** @throws STORE_UNAVAILABLE. */
export async function diagnoseRedis(commands: RedisCommands): Promise<readonly Finding[]> {
  const connection = new RedisConnection(commands)
  const found = new Map<string, string>()
  for (const setting of SETTINGS) {
    const value = await settingOf(connection, setting)
    if (value !== undefined) found.set(setting, value)
  }
  return [persistence(found), eviction(found.get('maxmemory-policy'))]
}

function persistence(found: ReadonlyMap<string, string>): Finding {
  const name = 'redis-persistence'
  const [isKept, sync] = [found.get('appendonly'), found.get('appendfsync')]
  if (isKept === undefined || sync === undefined) return skipped(name, 'the server does not tell its settings')
  if (isKept !== 'yes') {
    return problem(name, 'appendonly is off: a restart loses what was committed since the last dump, or all of it',
      'set appendonly yes')
  }
  if (sync === 'no') {
    return problem(name, 'appendfsync is no: a power failure loses what the system has not written',
      'set appendfsync always, or everysec')
  }
  return sync === 'always' ? ok(name, 'appendonly, appendfsync always')
    : warning(name, `appendonly, appendfsync ${sync}: a power failure loses about the last second`,
      'set appendfsync always where that matters')
}

function eviction(policy: string | undefined): Finding {
  const name = 'redis-eviction'
  if (policy === undefined) return skipped(name, 'the server does not tell its settings')
  return policy === 'noeviction' ? ok(name, 'noeviction: a full server refuses commits, and loses none')
    : problem(name, `maxmemory-policy is ${policy}: a full server may throw feeds away`,
      'set maxmemory-policy noeviction')
}

/** Undefined where the server does not say: some do not let clients ask. */
async function settingOf(connection: RedisConnection, setting: string): Promise<string | undefined> {
  try {
    // A list, or under the newer protocol an object.
    const reply: unknown = await connection.command('', 'CONFIG', 'GET', setting)
    const value = (Array.isArray(reply) ? reply[1] : Object.values(reply ?? {})[0]) as RedisReply | undefined
    return value === undefined ? undefined : textOf(value)
  } catch (error) {
    if (isWaybillError(error, 'STORE_FAILED')) return undefined
    throw error
  }
}
