/**
 * The table of heaps. fresh: failures since the drain that drained_by made; 0 while there is none. drained_until: its
 * lease; the entry is hidden before that.
 */
export const HEAP_TABLES = `
create table dlq_entry (
  heap text collate "C" not null,
  id text collate "C" not null,
  failures integer not null,
  fresh integer not null,
  last_error text,
  failed_at bigint not null,
  drained_by text,
  drained_until bigint,
  primary key (heap, id)
) with (fillfactor = 70);
create index dlq_entry_failures on dlq_entry (heap, failures, id);
create index dlq_entry_age on dlq_entry (failed_at)`
