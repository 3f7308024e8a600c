/** Settings of the server and of the sessions on it, on which durability and speed rest. */
import { ok, problem, someOf, warning, type Finding } from '../../core/diagnosis.js'
import { systemClock } from '../../core/environment.js'
import type { Ask, Check } from './diagnosis-check.js'

const OLDEST_VERSION = 130_000
const CLOCK_OFFSET_MS = 1_000
const SYNCHRONOUS_COMMIT_OFF = `
select coalesce(r.rolname, 'every role') as role
from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole
where s.setdatabase in (0, (select d.oid from pg_database d where d.datname = current_database()))
  and exists (select 1 from unnest(s.setconfig) c where c ~* '^synchronous_commit=(off|false|no|0)$')
order by 1`

export const SERVER_CHECKS: readonly Check[] = [
  { name: 'server', look: server },
  {
    name: 'fsync',
    look: (ask) => mustBeOn(ask, 'fsync', 'a crash of the machine can destroy the whole database'),
  },
  {
    name: 'full_page_writes',
    look: (ask) => mustBeOn(ask, 'full_page_writes', 'a crash of the machine can leave half-written pages'),
  },
  { name: 'synchronous_commit', look: synchronousCommit },
  { name: 'writable', look: writable },
  { name: 'isolation', look: isolation },
  { name: 'clock', look: clock },
]

async function setting(ask: Ask, name: string): Promise<string> {
  const [row] = await ask.rows('select current_setting($1) as value', name)
  return String(row?.['value'])
}

async function server(ask: Ask): Promise<Finding> {
  const version = await setting(ask, 'server_version')
  return Number(await setting(ask, 'server_version_num')) >= OLDEST_VERSION ? ok('server', `PostgreSQL ${version}`)
    : problem('server', `PostgreSQL ${version}`, 'upgrade to PostgreSQL 13 or later')
}

async function mustBeOn(ask: Ask, name: string, danger: string): Promise<Finding> {
  const value = await setting(ask, name)
  if (value === 'on') return ok(name, value)
  return problem(name, `${value}: ${danger}, and messages with it`,
    `set ${name} = on in postgresql.conf and reload the server`)
}

async function synchronousCommit(ask: Ask): Promise<Finding> {
  const name = 'synchronous_commit'
  const value = await setting(ask, name)
  if (value === 'off') {
    return problem(name, 'off in this session: a crash of the server can lose the last commits, with their messages',
      'set it to on, for the server and for the role and database that write messages')
  }
  const roles = (await ask.rows(SYNCHRONOUS_COMMIT_OFF)).map(({ role }) => String(role))
  if (roles.length === 0) return ok(name, value)
  return warning(name, `${value} in this session, off for ${someOf(roles)}: what they commit a crash can lose`,
    'for roles that write messages: alter role … reset synchronous_commit, also with `in database`')
}

async function writable(ask: Ask): Promise<Finding> {
  const [row] = await ask.rows('select pg_is_in_recovery() as replica')
  if (row?.['replica'] === true) {
    return problem('writable', 'this server is a replica', 'connect to the primary; relays cannot work on a replica')
  }
  if (await setting(ask, 'default_transaction_read_only') === 'on') {
    return problem('writable', 'default_transaction_read_only is on: nothing can be enqueued or claimed',
      'turn it off for this role and database')
  }
  return ok('writable', 'a primary that takes writes')
}

async function isolation(ask: Ask): Promise<Finding> {
  const level = await setting(ask, 'default_transaction_isolation')
  if (level === 'read committed' || level === 'read uncommitted') return ok('isolation', level)
  return warning('isolation', `${level} by default: claims take more round trips, and transactions that enqueue may `
    + 'be aborted and have to be repeated',
  'use read committed for the role of the relays: alter role … set default_transaction_isolation')
}

async function clock(ask: Ask): Promise<Finding> {
  const before = systemClock()
  const [row] = await ask.rows(`select extract(epoch from clock_timestamp()) * 1000 as now`)
  const after = systemClock()
  // Unknown by half of the time that the question took.
  const unsure = (after - before) / 2
  const offset = Math.round(Number(row?.['now']) - (before + unsure))
  if (Math.abs(offset) - unsure <= CLOCK_OFFSET_MS) {
    return ok('clock', `within ${CLOCK_OFFSET_MS} ms of this machine's`)
  }
  return warning('clock', `${Math.abs(offset)} ms ${offset > 0 ? 'ahead of' : 'behind'} this machine's`,
    'synchronize both clocks; the database\'s decides when a message is due')
}
