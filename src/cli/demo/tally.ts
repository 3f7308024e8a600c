/**
 * The count at the end, without Waybill: the orders table and the outbox's tables by plain SQL, and the
 * receiver's own log. It must find a loss if there is one, so nothing here is shared with what it checks.
 */
import { existsSync, readFileSync } from 'node:fs'
import { sqliteEngine } from '../../drivers/sqlite-engines.js'
import type { SqliteConnection } from '../../sql/sqlite-connection.js'
import type { Paths, Reception } from './plan.js'

export interface Tally {
  /** Rows of the orders table. */
  readonly committed: number
  /** Committed orders in the receiver's log. */
  readonly delivered: number
  /** Committed orders whose message is a dead letter, and that were not delivered. */
  readonly deadLettered: number
  /** Receptions beyond the first of their order. */
  readonly duplicates: number
  /** Of these, those that came after a reception from a relay that was killed. */
  readonly duplicatesByKills: number
  /** Of the others, those that came after a reception that was answered too late. */
  readonly duplicatesByLateAnswers: number
  /** Committed, and neither delivered nor a dead letter. */
  readonly lost: number
  /** Of the lost, those whose message still waits in the outbox: late rather than lost. */
  readonly waiting: number
  /** Orders that the receiver or the dead letters have, and the orders table has not. */
  readonly phantom: number
  /** Tries beyond the first, over all messages. */
  readonly retried: number
}

const ORDERS = 'select id from orders'
const ORDER_OF = `json_extract(cast(m.payload as text), '$.order') as id`
const DEAD = `select ${ORDER_OF} from waybill_outbox_dead d join waybill_outbox_message m on m.seq = d.seq`
const LEFT = '(select seq from waybill_outbox_delivered union all select seq from waybill_outbox_dead)'
const WAITING = `select ${ORDER_OF} from waybill_outbox_message m where m.seq not in ${LEFT}`
const RETRIED = `select coalesce(sum(attempts - 1), 0) as n from
(select attempts from waybill_outbox_delivered union all select attempts from waybill_outbox_dead)`
const COUNT_WAITING = `select (select count(*) from waybill_outbox_message)
- (select count(*) from waybill_outbox_delivered) - (select count(*) from waybill_outbox_dead) as n`

/** @param killedRuns The starts of the relay that ended by SIGKILL. */
export function tally(paths: Paths, killedRuns: ReadonlySet<number>): Tally {
  return withDatabase(paths, (database) => {
    const ids = (sql: string): Set<string> => new Set(database.query(sql).map((row) => String(row['id'])))
    const orders = ids(ORDERS)
    const dead = ids(DEAD)
    const waiting = ids(WAITING)
    const receptions = receptionsOf(paths)
    const received = new Set(receptions.map(({ order }) => order))
    const missing = [...orders].filter((id) => !received.has(id) && !dead.has(id))
    return {
      committed: orders.size,
      delivered: [...orders].filter((id) => received.has(id)).length,
      deadLettered: [...orders].filter((id) => dead.has(id) && !received.has(id)).length,
      ...duplicatesOf(receptions, killedRuns),
      lost: missing.length,
      waiting: missing.filter((id) => waiting.has(id)).length,
      phantom: [...new Set([...received, ...dead])].filter((id) => !orders.has(id)).length,
      retried: Number(database.query(RETRIED)[0]?.['n'] ?? 0),
    }
  })
}

/** How many messages are neither delivered nor dead letters. */
export function countWaiting(paths: Paths): number {
  return withDatabase(paths, (database) => Number(database.query(COUNT_WAITING)[0]?.['n'] ?? 0))
}

function duplicatesOf(
  receptions: readonly Reception[], killedRuns: ReadonlySet<number>,
): Pick<Tally, 'duplicates' | 'duplicatesByKills' | 'duplicatesByLateAnswers'> {
  const before = new Map<string, Reception>()
  const found = { duplicates: 0, duplicatesByKills: 0, duplicatesByLateAnswers: 0 }
  for (const reception of receptions) {
    const previous = before.get(reception.order)
    before.set(reception.order, reception)
    if (previous === undefined) continue
    found.duplicates += 1
    if (killedRuns.has(previous.run) && previous.run !== reception.run) found.duplicatesByKills += 1
    else if (previous.answeredLate) found.duplicatesByLateAnswers += 1
  }
  return found
}

function receptionsOf({ receiverLog }: Paths): Reception[] {
  if (!existsSync(receiverLog)) return []
  const lines = readFileSync(receiverLog, 'utf8').split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Reception)
}

function withDatabase<T>({ database: path }: Paths, work: (database: SqliteConnection) => T): T {
  const database = sqliteEngine().open(path)
  try {
    database.query('pragma busy_timeout = 1000')
    return work(database)
  } finally {
    database.close()
  }
}
