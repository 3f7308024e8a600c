/** Who else is on the server and in the way, and what lies between it and this program. */
import { ok, skipped, someOf, spanText, warning, type Finding } from '../../core/diagnosis.js'
import { pause } from '../../core/environment.js'
import type { SqlExecutor } from '../../core/sql.js'
import type { Ask, Check } from './diagnosis-check.js'

/** Query texts are not read: they may hold anything. */
const OPEN_TRANSACTIONS = `
select a.pid, a.application_name as application, a.state,
  floor(extract(epoch from clock_timestamp() - a.xact_start) * 1000)::text as age
from pg_stat_activity a
where a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
  and a.xact_start < clock_timestamp() - $1::bigint * interval '1 millisecond'
order by a.xact_start limit 100`
const PREPARED = `
select x.gid, x.database, floor(extract(epoch from clock_timestamp() - x.prepared) * 1000)::text as age
from pg_prepared_xacts x
where x.prepared < clock_timestamp() - $1::bigint * interval '1 millisecond'
order by x.prepared limit 100`
const POOLER_ROUNDS = 3
const POOLER_WAIT_MS = 3_000

export const SESSION_CHECKS: readonly Check[] = [
  { name: 'open_transactions', look: openTransactions },
  { name: 'prepared_transactions', look: preparedTransactions },
  { name: 'pooler', look: pooler },
]

async function openTransactions(ask: Ask): Promise<Finding> {
  const name = 'open_transactions'
  const limit = spanText(ask.openTooLongMs)
  const found = (await ask.rows(OPEN_TRANSACTIONS, ask.openTooLongMs)).map((row) =>
    `pid ${String(row['pid'])} (${String(row['application']) || 'no application name'}, ${String(row['state'])}) for `
      + spanText(Number(row['age'])))
  if (found.length > 0) {
    return warning(name, `open for more than ${limit}, which holds back the cleanup of dead rows: ${someOf(found)}`,
      'end them, and set idle_in_transaction_session_timeout for roles that forget to')
  }
  const [row] = await ask.rows(`select pg_has_role(current_user, 'pg_read_all_stats', 'usage') as sees`)
  return row?.['sees'] === true ? ok(name, `none for more than ${limit}`)
    : skipped(name, 'none of this role\'s own; to see the others it must be a member of pg_read_all_stats')
}

async function preparedTransactions(ask: Ask): Promise<Finding> {
  const name = 'prepared_transactions'
  const limit = spanText(ask.openTooLongMs)
  const found = (await ask.rows(PREPARED, ask.openTooLongMs)).map((row) =>
    `'${String(row['gid'])}' in database ${String(row['database'])} for ${spanText(Number(row['age']))}`)
  if (found.length === 0) return ok(name, `none for more than ${limit}`)
  return warning(name, `prepared, and neither committed nor rolled back for more than ${limit}: ${someOf(found)}`,
    'commit prepared or rollback prepared, whichever its coordinator decided; until then they keep their locks and '
      + 'hold back the cleanup of dead rows')
}

/**
 * Without a pooler, and behind one that gives a connection to a session, two open connections are two server
 * processes, and each stays what it is. Behind one that gives it to a transaction, the second, which is in a
 * transaction, is likely to get the process that the first, which is in none, has just used. Nothing
 * seen in some rounds is no proof that nothing is there.
 */
async function pooler({ database }: Ask): Promise<Finding> {
  const name = 'pooler'
  if (database.session === undefined) return skipped(name, 'this client lends no connection to ask on')
  const shared = await database.session(async (first) => {
    for (let round = 0; round < POOLER_ROUNDS; round += 1) {
      const before = await processOf(first)
      let given = true
      const second = await Promise.race([
        // Another connection than the first, which is held.
        database.transaction(async (executor) => ({
          pid: await processOf(executor), after: given ? await processOf(first) : before,
        })),
        pause(POOLER_WAIT_MS),
      ])
      given = false
      if (second === undefined) return undefined
      if (second.pid === before || second.after !== before) return true
    }
    return false
  })
  if (shared === undefined) return skipped(name, 'the pool has no second connection to compare with')
  if (!shared) return ok(name, 'none seen that shares connections between transactions')
  return warning(name, 'connections are shared between transactions: notifications do not come through, so relays wait '
    + 'for their poll, and prepared statements work only if the pooler keeps them',
  'give relays a URL past the pooler; else set `prepare: false`, unless it keeps prepared statements (pgbouncer from '
    + '1.21 with max_prepared_statements)')
}

async function processOf(executor: SqlExecutor): Promise<number> {
  const [row] = await executor.execute({ text: 'select pg_backend_pid() as pid', params: [] })
  return Number(row?.['pid'])
}
