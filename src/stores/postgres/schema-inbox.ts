/**
 * The table of the inbox, and how a message is recorded without waiting. The index is for `purge`, which goes by
 * consumer, so that one with a long retention is not walked over for the others.
 *
 * `inbox_try` is the only way on PostgreSQL to learn that another open transaction is inserting a key, without waiting
 * for its end and without an error for the caller: a row that is not committed cannot be seen, nor locked with SKIP
 * LOCKED. It waits for 1 ms (INBOX_SETTINGS) and catches what that ends with inside, in a subtransaction. All ids are
 * tried in one; only when one of them is held elsewhere, each by itself.
 */
export const INBOX_TABLES = `
create table inbox (
  scope text collate "C" not null,
  consumer text collate "C" not null,
  message_id text collate "C" not null,
  processed_at bigint not null,
  primary key (scope, consumer, message_id)
);
create index inbox_age on inbox (consumer, processed_at)`

export const INBOX_FUNCTIONS: readonly string[] = [
  `
create function inbox_try(p_scope text, p_consumer text, p_ids text[], p_now bigint)
returns table (id text, is_new boolean) language plpgsql as $body$
declare
  done_at bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  fresh text[] := '{}';
  busy text[] := '{}';
  one text;
begin
  begin
    with made as (
      insert into inbox (scope, consumer, message_id, processed_at)
      select p_scope, p_consumer, u.message_id, done_at
      from unnest(p_ids) with ordinality u(message_id, place) order by u.place
      on conflict do nothing returning message_id
    ) select coalesce(array_agg(message_id), '{}') into fresh from made;
  exception when lock_not_available then
    foreach one in array p_ids loop
      begin
        insert into inbox (scope, consumer, message_id, processed_at) values (p_scope, p_consumer, one, done_at)
        on conflict do nothing;
        if found then fresh := fresh || one; end if;
      exception when lock_not_available then
        busy := busy || one;
      end;
    end loop;
  end;
  return query select unnest(fresh), true;
  return query select unnest(busy), false;
end $body$`,
]

export const INBOX_ENTRY_FUNCTIONS = ['inbox_try(text, text, text[], bigint)'] as const
export const INBOX_SETTINGS = [`lock_timeout = '1ms'`] as const
