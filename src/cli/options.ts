/** Options that commands share, and how their values are read. */
import { InvalidArgumentError, Option, type Command } from 'commander'
import { MAX_U64 } from '../core/u64.js'
import { OUTBOX_STATUSES, type OutboxStatus } from '../outbox/message.js'

export interface CommonFlags {
  readonly json?: boolean
  readonly verbose?: boolean
}

export interface DatabaseFlags extends CommonFlags {
  readonly url?: string
  readonly schema?: string
  readonly config?: string
  /** Of keys on Redis; where there is the option. */
  readonly keyPrefix?: string
}

export interface QueueFlags {
  readonly lane?: string
  readonly target?: string
  readonly scope?: string
}

export interface FilterFlags extends QueueFlags {
  readonly status?: OutboxStatus
  readonly key?: string
}

export function withCommonOptions(command: Command): Command {
  return command
    .option('--json', 'print JSON, for programs')
    .option('--verbose', 'show where an error comes from')
}

export function withDatabaseOptions(command: Command, urls = 'postgres://…, sqlite:<path> or a path'): Command {
  return command
    .option('--url <url>', `${urls} (default: WAYBILL_URL, DATABASE_URL)`)
    .option('--schema <name>', 'the PostgreSQL schema (default: WAYBILL_SCHEMA, waybill)')
    .option('--config <file>', 'the configuration (default: waybill.config.ts, .js or .mjs)')
}

/** Of commands that also look at Redis, which has feeds alone. */
export function withRedisOptions(command: Command): Command {
  return withDatabaseOptions(command, 'postgres://…, redis://…, sqlite:<path> or a path')
}

export function withFeedOptions(command: Command): Command {
  return withRedisOptions(withCommonOptions(command))
    .option('--key-prefix <prefix>', 'of the keys on Redis (default: waybill:)')
}

export function withQueueOptions(command: Command): Command {
  return command
    .option('--lane <lane>', 'only this lane')
    .option('--target <target>', 'only this target')
    .option('--scope <scope>', 'only this tenant')
}

export function withFilterOptions(command: Command): Command {
  const statuses = new Option('--status <status>', 'only these').choices([...OUTBOX_STATUSES])
  return withQueueOptions(command.addOption(statuses)).option('--key <key>', 'only this key')
}

export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= min && number <= max) return number
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

/** Of a stream: any of u64. */
export function sequence(value: string): bigint {
  if (/^\d{1,20}$/.test(value) && BigInt(value) <= MAX_U64) return BigInt(value)
  throw new InvalidArgumentError('It must be a whole number from 0 to 2^64-1.')
}

/** An option that may be given several times. */
export function several(value: string, values: readonly string[] | undefined): readonly string[] {
  return [...values ?? [], value]
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const MAX_TIMER_MS = 2 ** 31 - 1
/** A hundred years, which is what the outbox takes. */
const MAX_AGE_MS = 3_155_760_000_000

/** What a timer can wait: milliseconds from `500ms`, `30s`, `2m`, `1h`; a bare number is milliseconds. */
export function duration(value: string): number {
  const ms = milliseconds(value, 'ms')
  if (ms === undefined || ms > MAX_TIMER_MS) throw new InvalidArgumentError('Write it as 500ms, 30s or 2m.')
  return ms
}

/** How old something is: `30m`, `12h`, `7d`. Never a bare number: 7 for days would be seven milliseconds. */
export function age(value: string): number {
  const ms = milliseconds(value, undefined)
  if (ms === undefined || ms > MAX_AGE_MS) throw new InvalidArgumentError('Write it as 30m, 12h or 7d.')
  return ms
}

/** How often something is repeated. */
export function interval(value: string): number {
  const ms = duration(value)
  if (ms < 100 || ms > 86_400_000) throw new InvalidArgumentError('It must be from 100ms to 1d.')
  return ms
}

function milliseconds(value: string, defaultUnit: string | undefined): number | undefined {
  const [, amount = '', unit = defaultUnit] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)?$/.exec(value) ?? []
  const size = UNIT_MS[unit ?? '']
  return amount === '' || size === undefined ? undefined : Math.round(Number(amount) * size)
}
