/** Every statement of the subscribers' checkpoints on PostgreSQL, one constant each. */
import { MAX_TIME } from '../../core/validate.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { namedStatements, NOW, type NamedStatements } from './named-statements.js'

const STATE = 's.subscriber, s.owner, s.term, s.lease_until'
const CHECKPOINT = 'c.feed, c.sequence, c.incarnation, c.config_hash, c.saved_at'

const OLD_DEAD = `
    select d.number from {schema}.feed_dead d
    where d.died_at <= (select coalesce($4::bigint, ${NOW}) - $2::bigint) and ($1::text is null or d.subscriber = $1)
    order by d.died_at, d.number limit $3::bigint`

const TEXT = {
  // `now` is asked for again where the row is held: waiting for it takes time.
  take: `
    insert into {schema}.feed_subscriber as s (subscriber, owner, term, lease_until, is_forgotten)
    values ($1, $2, 1, least(coalesce($4::bigint, ${NOW}) + $3::bigint, ${MAX_TIME}), false)
    on conflict (subscriber) do update set owner = excluded.owner, is_forgotten = false,
      term = s.term + case when s.owner = excluded.owner then 0 else 1 end,
      lease_until = least(coalesce($4::bigint, ${NOW}) + $3::bigint, ${MAX_TIME})
    where s.owner is null or s.owner = excluded.owner or s.lease_until <= coalesce($4::bigint, ${NOW})
    returning ${STATE}, coalesce($4::bigint, ${NOW}) as now`,

  checkpoints: `select ${CHECKPOINT} from {schema}.feed_checkpoint c where c.subscriber = $1 order by c.feed`,

  // Checkpoints in $3 to $6, dead letters in $7 to $12.
  save: `
    with mine as materialized (
      select from {schema}.feed_subscriber where subscriber = $1 and term = $2::bigint for no key update
    ), moved as (
      insert into {schema}.feed_checkpoint (subscriber, feed, sequence, incarnation, config_hash, saved_at)
      select $1, u.feed, u.sequence, u.incarnation, u.config_hash, coalesce($13::bigint, ${NOW})
      from mine cross join unnest($3::text[], $4::bigint[], $5::text[], $6::text[])
        u(feed, sequence, incarnation, config_hash)
      on conflict (subscriber, feed) do update set sequence = excluded.sequence, incarnation = excluded.incarnation,
        config_hash = excluded.config_hash, saved_at = excluded.saved_at
    ), dead as (
      insert into {schema}.feed_dead (subscriber, feed, incarnation, sequence, content, attempts, error, died_at)
      select $1, u.feed, u.incarnation, u.sequence, u.content, u.attempts, u.error, coalesce($13::bigint, ${NOW})
      from mine cross join unnest($7::text[], $8::text[], $9::bigint[], $10::bytea[], $11::integer[], $12::text[])
        with ordinality u(feed, incarnation, sequence, content, attempts, error, place)
      order by u.place
      on conflict (subscriber, feed, incarnation, sequence) do update set number = default,
        content = excluded.content, attempts = excluded.attempts, error = excluded.error, died_at = excluded.died_at
    )
    select true as is_saved from mine`,

  release: `
    update {schema}.feed_subscriber set owner = null, term = term + 1, lease_until = 0
    where subscriber = $1 and term = $2::bigint and owner is not null`,

  list: `
    with page as materialized (
      select ${STATE}, coalesce($3::bigint, ${NOW}) as now from {schema}.feed_subscriber s
      where s.subscriber > $1 and not s.is_forgotten order by s.subscriber limit $2::bigint
    )
    select s.*, ${CHECKPOINT} from page s left join {schema}.feed_checkpoint c on c.subscriber = s.subscriber
    order by s.subscriber, c.feed`,

  deadLetters: `
    select d.number, d.subscriber, d.feed, d.incarnation, d.sequence, d.content, d.attempts, d.error, d.died_at
    from {schema}.feed_dead d where d.subscriber = $1 and d.number > $2::bigint order by d.number limit $3::bigint`,

  discard: `
    delete from {schema}.feed_dead where subscriber = $1 and number = any($2::bigint[]) returning number`,

  forget: `
    update {schema}.feed_subscriber set owner = null, term = term + 1, lease_until = 0, is_forgotten = true
    where subscriber = $1 and not is_forgotten returning subscriber`,

  forgetAll: `
    with dead as (delete from {schema}.feed_dead where subscriber = $1)
    delete from {schema}.feed_checkpoint where subscriber = $1`,

  hold: 'select from {schema}.feed_subscriber where subscriber = $1 for no key update',

  forgetFeed: `
    with gone as (
      delete from {schema}.feed_checkpoint where subscriber = $1 and feed = $2 returning feed
    ), dead as (
      delete from {schema}.feed_dead where subscriber = $1 and feed in (select feed from gone)
    )
    update {schema}.feed_subscriber set owner = null, term = term + 1, lease_until = 0
    where subscriber = $1 and exists (select from gone) returning subscriber`,

  // It waits for nobody, so it cannot deadlock with whoever holds one of these rows.
  purgeDead: `
    with gone as (
      delete from {schema}.feed_dead where number = any (array(${OLD_DEAD} for update skip locked)) returning 1
    )
    select count(*) as count from gone`,

  countOldDead: `select count(*) as count from (${OLD_DEAD}) old`,
} as const

export type CheckpointStatements = NamedStatements<keyof typeof TEXT>

export function checkpointStatements(schema: string): CheckpointStatements {
  return namedStatements(TEXT, { schema: quoteIdentifier(schema) })
}
