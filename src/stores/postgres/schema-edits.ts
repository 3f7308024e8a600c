/** Payloads that dead letters had before they were redriven with others. */

/** A row for each edit, with what it replaced; it lives as long as its message. */
export const EDIT_TABLES = `
create table outbox_edit (
  seq bigint not null,
  id bigint generated always as identity,
  edited_at bigint not null,
  by text not null,
  note text not null,
  content_type text not null,
  payload bytea not null,
  primary key (seq, id)
)`

/**
 * A redrive, and in the same transaction the other payload: nobody sees the due row with the old one. Answers the
 * sequence number when it was a dead letter.
 */
const REDRIVE_EDITED = `
create function outbox_redrive_edited(p_seq bigint, p_scope text, p_payload bytea, p_content_type text, p_by text,
  p_note text, p_now bigint)
returns table (seq bigint) language plpgsql as $body$
#variable_conflict use_column
declare
  v_now bigint := coalesce(p_now, floor(extract(epoch from clock_timestamp()) * 1000)::bigint);
  v_seqs bigint[] := array(select r.seq from outbox_resolve_dead(array[p_seq], p_scope, true, v_now) r);
begin
  insert into outbox_edit (seq, edited_at, by, note, content_type, payload)
  select m.seq, v_now, p_by, p_note, m.content_type, m.payload from outbox_message m where m.seq = any (v_seqs);
  update outbox_message m set payload = p_payload, content_type = p_content_type where m.seq = any (v_seqs);
  return query select s.seq from unnest(v_seqs) s(seq);
end $body$`

export const EDIT_FUNCTIONS = [REDRIVE_EDITED] as const
