/** Every statement of the inbox on PostgreSQL, one constant each. */
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'

const OLD = `
    select i.ctid from {schema}.inbox i
    where i.consumer = $1 and i.processed_at <= (select coalesce($5::bigint, ${NOW}) - $2::bigint)
      and ($4::text is null or i.scope = $4)
    order by i.processed_at limit $3::bigint`

const TEXT = {
  record: `
    insert into {schema}.inbox (scope, consumer, message_id, processed_at)
    select $1, $2, u.message_id, coalesce($4::bigint, ${NOW})
    from unnest($3::text[]) with ordinality u(message_id, place) order by u.place
    on conflict do nothing returning message_id`,

  attempt: `select id as message_id, is_new from {schema}.inbox_try($1, $2, $3::text[], $4::bigint)`,

  find: `
    select message_id, processed_at from {schema}.inbox
    where scope = $1 and consumer = $2 and message_id = any ($3::text[])`,

  takeBack: `
    delete from {schema}.inbox where scope = $1 and consumer = $2 and message_id = any ($3::text[])`,

  forget: `
    delete from {schema}.inbox where scope = $1 and consumer = $2 and message_id = $3 returning true as is_gone`,

  // One lookup for each consumer, never a walk over all records.
  consumers: `
    with recursive names(consumer) as (
      (select consumer from {schema}.inbox order by consumer limit 1)
      union all
      select (select i.consumer from {schema}.inbox i where i.consumer > n.consumer order by i.consumer limit 1)
      from names n where n.consumer is not null
    )
    select consumer from names where consumer is not null`,

  purge: `
    with gone as (delete from {schema}.inbox where ctid = any (array(${OLD} for update skip locked)) returning 1)
    select count(*) as n from gone`,

  countOld: `select count(*) as n from (${OLD}) old`,
} as const

export type InboxStatements = NamedStatements<keyof typeof TEXT>

export function inboxStatements(schema: string): InboxStatements {
  return namedStatements(TEXT, { schema: quoteIdentifier(schema) })
}
