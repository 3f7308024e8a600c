/** Whether the schema is the one that this version needs, unchanged, and the role may use it. */
import { ok, problem, skipped, someOf, warning, type Finding } from '../../core/diagnosis.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { NEXT_MIGRATE, schemaFinding } from '../../sql/schema-finding.js'
import type { Ask, Check } from './diagnosis-check.js'
import { expectedSchema } from './expected-schema.js'

const RELATIONS = `
select c.relname as name, coalesce(i.indisvalid, true) as valid
from pg_class c join pg_namespace n on n.oid = c.relnamespace left join pg_index i on i.indexrelid = c.oid
where n.nspname = $1`
const FUNCTIONS = `
select distinct p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = $1`
const SEQUENCE = `
select s.seqcache::text as cache, s.seqincrement::text as increment, s.seqcycle as cycles,
  (select a.attnum from pg_attribute a where a.attrelid = $1::text::regclass and a.attname = 'xid') as xid,
  (select a.attnum from pg_attribute a where a.attrelid = $1::text::regclass and a.attname = $2::text) as seq
from pg_sequence s where s.seqrelid = pg_get_serial_sequence($1::text, $2::text)::regclass`
const TABLE_PRIVILEGES = `
select c.relname as name, p.privilege
from pg_class c join pg_namespace n on n.oid = c.relnamespace,
  unnest(array['select', 'insert', 'update', 'delete']) as p(privilege)
where n.nspname = $1 and c.relkind in ('r', 'p') and not c.relispartition
  and not has_table_privilege(c.oid, p.privilege)
order by c.relname, p.privilege`
const FUNCTION_PRIVILEGES = `
select distinct p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = $1 and not has_function_privilege(p.oid, 'execute') order by 1`
const AUTOVACUUM_OFF = `
select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
where n.nspname = $1 and exists (
  select 1 from unnest(c.reloptions) o where o ~* '^autovacuum_enabled=(off|false|no|0)$') order by 1`
/** Many by themselves, and many beside what lives: a table that is used for a while has some of both. */
const DEAD_ROWS = `
select s.relname as name, s.n_dead_tup::text as dead from pg_stat_all_tables s
where s.schemaname = $1 and s.n_dead_tup > 100000 and s.n_dead_tup > 5 * s.n_live_tup order by s.n_dead_tup desc`

/** Those of the schema itself. */
const BOOKS: ReadonlySet<string> = new Set(['meta', 'migration'])

export const SCHEMA_CHECKS: readonly Check[] = [
  { name: 'schema', look: schema },
  { name: 'objects', needsSchema: true, look: objects },
  { name: 'claim_order', needsSchema: true, look: claimOrder },
  { name: 'privileges', needsSchema: true, look: privileges },
  { name: 'autovacuum', needsSchema: true, look: autovacuum },
]

function table(ask: Ask, name: string): string {
  return `${quoteIdentifier(ask.schema)}.${name}`
}

async function schema(ask: Ask): Promise<Finding> {
  const [row] = await ask.rows('select to_regclass($1) is not null as present', table(ask, 'migration'))
  if (row?.['present'] !== true) return problem('schema', `there are no tables in schema ${ask.schema}`, NEXT_MIGRATE)
  const applied = await ask.rows(`select version, checksum from ${table(ask, 'migration')} order by version`)
  return schemaFinding(expectedSchema().migrations, applied.map(({ version, checksum }) =>
    ({ version: Number(version), checksum: String(checksum) })))
}

async function objects(ask: Ask): Promise<Finding> {
  const relations = new Map((await ask.rows(RELATIONS, ask.schema)).map((row) => [String(row['name']), row['valid']]))
  const routines = new Set((await ask.rows(FUNCTIONS, ask.schema)).map(({ name }) => String(name)))
  if (!relations.has('migration')) return skipped('objects', 'there are no tables yet')
  const { tables, indexes, functions } = expectedSchema()
  const missing = [
    ...[...tables].filter((name) => !relations.has(name)).map((name) => `table ${name}`),
    ...[...indexes].filter((name) => !relations.has(name)).map((name) => `index ${name}`),
    ...[...functions].filter((name) => !routines.has(name)).map((name) => `function ${name}`),
  ]
  if (missing.length > 0) {
    return problem('objects', `missing: ${someOf(missing)}`,
      'create them again as `waybill migrate --print` shows; a migration that was applied is not repeated')
  }
  const invalid = [...indexes].filter((name) => relations.get(name) !== true)
  if (invalid.length > 0) return problem('objects', `invalid indexes: ${someOf(invalid)}`, 'reindex them')
  return ok('objects', `${tables.size} tables, ${indexes.size} indexes, ${functions.size} functions`)
}

/** Late rows are found by transaction id and number; both must be given in the order of the inserts. */
async function claimOrder(ask: Ask): Promise<Finding> {
  const messages = await numbersInOrder(ask, 'outbox_message', 'seq')
  return messages.state === 'ok' ? numbersInOrder(ask, 'journal_event', 'position') : messages
}

async function numbersInOrder(ask: Ask, relation: string, column: string): Promise<Finding> {
  const name = 'claim_order'
  const [row] = await ask.rows(SEQUENCE, table(ask, relation), column)
  const sequence = 'generated by default as identity (cache 1)'
  if (row === undefined) {
    return problem(name, `${relation}.${column} has no sequence of its own`, `make it ${sequence} again`)
  }
  const wrong = [
    ...(row['cache'] === '1' ? [] : [`its sequence has cache ${String(row['cache'])}`]),
    ...(String(row['increment']).startsWith('-') || row['cycles'] === true ? ['its sequence does not only go up'] : []),
  ]
  if (wrong.length > 0) {
    return problem(name, `${relation}.${column}: ${wrong.join(', ')}: rows can be passed over`,
      `alter table ${table(ask, relation)} alter column ${column} set cache 1 set no cycle set increment 1`)
  }
  if (Number(row['xid']) > 0 && Number(row['xid']) < Number(row['seq'])) return ok(name, 'numbers are taken in order')
  return problem(name, `${relation}.xid is not before ${column}: rows can be passed over`,
    'restore the table as `waybill migrate --print` makes it, with xid as its first column')
}

async function privileges(ask: Ask): Promise<Finding> {
  const name = 'privileges'
  const [row] = await ask.rows(
    `select current_user as role, has_schema_privilege(oid, 'usage') as usage from pg_namespace where nspname = $1`,
    ask.schema)
  const role = String(row?.['role'])
  const advice = 'grant it; a role that only enqueues needs less: usage on the schema, and to write what enqueue writes'
  if (row?.['usage'] !== true) return problem(name, `${role} may not use schema ${ask.schema}`, advice)
  const { tables, updated } = expectedSchema()
  // Of the two books only reading is needed.
  const isNeeded = (relation: string, privilege: string): boolean => tables.has(relation)
    && (privilege === 'select'
      || (!BOOKS.has(relation) && (privilege !== 'update' || updated.has(relation))))
  const missing = [
    ...(await ask.rows(TABLE_PRIVILEGES, ask.schema))
      .map((each) => [String(each['name']), String(each['privilege'])] as const)
      .filter(([relation, privilege]) => isNeeded(relation, privilege))
      .map(([relation, privilege]) => `${privilege} on ${relation}`),
    ...(await ask.rows(FUNCTION_PRIVILEGES, ask.schema)).map((each) => `execute on ${String(each['name'])}`),
  ]
  return missing.length === 0 ? ok(name, `${role} may do all of it`)
    : problem(name, `${role} lacks ${someOf(missing)}`, advice)
}

async function autovacuum(ask: Ask): Promise<Finding> {
  const name = 'autovacuum'
  const [row] = await ask.rows(
    `select current_setting('autovacuum') as runs, current_setting('track_counts') as counts`)
  if (row?.['runs'] !== 'on' || row['counts'] !== 'on') {
    return warning(name, 'off for the whole server: tables that change grow without end',
      'turn autovacuum and track_counts on')
  }
  const off = (await ask.rows(AUTOVACUUM_OFF, ask.schema)).map((each) => String(each['name']))
  if (off.length > 0) {
    return warning(name, `off for ${someOf(off)}`, 'alter table … reset (autovacuum_enabled)')
  }
  const full = (await ask.rows(DEAD_ROWS, ask.schema)).map((each) => `${String(each['name'])} ${String(each['dead'])}`)
  if (full.length === 0) return ok(name, 'on')
  return warning(name, `dead rows wait to be removed: ${someOf(full)}`,
    'look for what holds the cleanup back below, or vacuum these tables')
}
