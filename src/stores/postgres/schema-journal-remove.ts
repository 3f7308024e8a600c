/**
 * How events are removed. A function, so that it is planned with indexes (ENTRY_SETTINGS in schema.ts): publishers
 * that keep their offsets in a stream call it at every save, however much else the tables hold.
 *
 * What can interleave: an append holds the stream's row to its end, so this waits for it, and then sees what it wrote.
 * Where two remove from one stream, the second finds what the first left.
 */
import { leafOf } from './schema-journal-ring.js'

/** Of one event, in the leaf that it is in. A join of many would be planned for the few rows there once were. */
const UNTAG = `
create function journal_untag(p_position bigint, p_tags text) returns void
language plpgsql as $body$
begin
  if p_tags <> '[]' then
    delete from journal_tag where position = p_position and ${leafOf('position')} = ${leafOf('p_position')}
      and tag = any (array(select json_array_elements_text(p_tags::json)));
  end if;
end $body$`

const REMOVE = `
create function journal_remove(p_scope text, p_stream text, p_sequence bigint)
returns void language plpgsql as $body$
declare
  v_last bigint;
  v_position bigint;
  v_tags text;
begin
  select least(last, p_sequence) into v_last from journal_stream
    where scope = p_scope and stream = p_stream for update;
  for v_position, v_tags in
    delete from journal_event where scope = p_scope and stream = p_stream and sequence <= v_last
    returning position, tags
  loop
    perform journal_untag(v_position, v_tags);
  end loop;
  update journal_stream set deleted_to = v_last
    where scope = p_scope and stream = p_stream and deleted_to < v_last;
end $body$`

export const JOURNAL_REMOVE_FUNCTIONS = [UNTAG, REMOVE] as const

/** See ENTRY_FUNCTIONS in schema.ts. */
export const JOURNAL_REMOVE_ENTRY_FUNCTIONS = ['journal_remove(text, text, bigint)'] as const
