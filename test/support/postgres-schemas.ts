/**
 * Schemas on the run's PostgreSQL, fresh ones and lent ones. Making a schema takes the server longer than most cases of
 * a suite, and there are hundreds; so one that comes back is emptied, and lent again to a case of the same file. Its ids
 * begin anew with the next `migrate`.
 */
import pg from 'pg'
import { afterAll, inject } from 'vitest'
import { quoteIdentifier } from '../../src/sql/identifier.js'

export const postgresUrl = inject('postgresUrl')

let schemas = 0

/** `suffix` ends the schema's name, for hostile ones. */
export function freshSchema(suffix = ''): string {
  schemas += 1
  return `wb_${process.pid}_${schemas}${suffix}`
}

export async function dropSchema(schema: string): Promise<void> {
  await query(`drop schema if exists ${quoteIdentifier(schema)} cascade`)
}

/** Deleted rows stay in tables and indexes for a while, so that a schema is not lent for ever. */
const MAX_LOANS = 25

const EMPTY = `
do $empty$
declare
  place record;
begin
  for place in
    select c.oid::regclass as name, c.relkind as kind, c.relname, pg_relation_size(c.oid) > 262144 as is_large
    from pg_class c where c.relnamespace = 'SCHEMA'::regnamespace and c.relkind in ('r', 'S')
  loop
    if place.kind = 'S' then execute format('alter sequence %s restart', place.name);
    elsif place.relname = 'migration' then continue;
    elsif place.is_large then execute format('truncate %s', place.name);
    else execute format('delete from %s', place.name);
    end if;
  end loop;
end $empty$`

export interface LentSchema {
  readonly name: string
  giveBack(): Promise<void>
}

const idle = new Map<string, { readonly name: string; loans: number }[]>()

afterAll(async () => {
  for (const { name } of [...idle.values()].flat()) await dropSchema(name)
  idle.clear()
})

/** Migrate it, as if it were new. `suffix` ends its name. */
export function lentSchema(suffix = ''): LentSchema {
  const schemas = idle.get(suffix) ?? []
  idle.set(suffix, schemas)
  const schema = schemas.pop() ?? { name: freshSchema(suffix), loans: 0 }
  return {
    name: schema.name,
    async giveBack() {
      schema.loans += 1
      if (schema.loans >= MAX_LOANS) return dropSchema(schema.name)
      await empty(schema.name)
      schemas.push(schema)
    },
  }
}

async function empty(schema: string): Promise<void> {
  const literal = quoteIdentifier(schema).replaceAll("'", "''")
  await query(EMPTY.replace('SCHEMA', () => literal))
}

async function query(text: string): Promise<void> {
  const connection = new pg.Client(postgresUrl ?? '')
  await connection.connect()
  await connection.query(text)
  await connection.end()
}
