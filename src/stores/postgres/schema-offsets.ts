/** The tables of offset stores: who may save, and how far it is. term: of the last take-over. */
export const OFFSET_TABLES = `
create table journal_offset_owner (
  publisher text collate "C" primary key,
  term bigint not null
) with (fillfactor = 50);

create table journal_offset (
  publisher text collate "C" not null,
  stream_key text collate "C" not null,
  sequence numeric(20) not null check (sequence between 0 and 18446744073709551615),
  primary key (publisher, stream_key)
) with (fillfactor = 50)`
