/**
 * What took effect on a Redis server, by its append-only file: asked of nobody else, and not through Waybill. It stands
 * for the application's own table, which says so where there are transactions.
 */
import type { RedisStage } from '../stage/stage.js'

/** A result as it was logged, each time that it was. */
export interface AppendedResult {
  readonly feed: string
  readonly incarnation: string
  readonly sequence: number
  readonly result: string
}

export interface Appended {
  /** That were ever made. */
  readonly incarnations: ReadonlySet<string>
  readonly results: readonly AppendedResult[]
}

const KEY = /^waybill:feed:\{([^}]*)\}:(state|log)$/
const DIGITS = 20
/** The first change that is one names its result. */
const NAME = /"result":"([^"]+)"/

export function rowsKey(feed: string): string {
  return `waybill:feed:{${feed}}:rows`
}

export function readAppended({ appended }: Pick<RedisStage, 'appended'>): Appended {
  const incarnations = new Set<string>()
  const current = new Map<string, string>()
  const results: AppendedResult[] = []
  for (const [command = '', key = '', ...rest] of appended()) {
    const [, feed, part] = KEY.exec(key) ?? []
    if (feed === undefined) continue
    const field = rest.indexOf('incarnation')
    const made = command.toUpperCase() === 'HSET' && part === 'state' && field >= 0 ? rest[field + 1] : undefined
    if (made !== undefined) {
      incarnations.add(made)
      current.set(feed, made)
    }
    if (command.toUpperCase() !== 'ZADD' || part !== 'log') continue
    const member = rest.at(-1) ?? ''
    results.push({
      feed, incarnation: current.get(feed) ?? 'none', sequence: Number(member.slice(0, DIGITS)),
      result: NAME.exec(member)?.[1] ?? 'nothing',
    })
  }
  return { incarnations, results }
}
