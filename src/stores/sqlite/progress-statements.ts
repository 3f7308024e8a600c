/** The statements of the publishers' progress. */
import type { Tables } from './tables.js'

const PART = 'r.part, r.slots, r.cursor, r.owner, r.term, r.lease_until'

export type ProgressStatements = ReturnType<typeof progressStatements>

export function progressStatements(t: Tables) {
  const members = `(select count(*) from ${t.journal_member} m where m.publisher = p.publisher and m.lease_until > ?2)`
  const oldDead = `select number from ${t.journal_dead}
where died_at <= ?1 and (?2 is null or publisher = ?2) order by died_at, number limit ?3`
  return {
    look: `select p.follow, ${members} as members, ${PART}
from ${t.journal_publisher} p join ${t.journal_part} r on r.publisher = p.publisher
where p.publisher = ?1 order by r.part`,
    list: `select p.publisher, (select count(*) from ${t.journal_hold} h where h.publisher = p.publisher) as held,
  (select count(*) from ${t.journal_dead} d where d.publisher = p.publisher) as dead
from ${t.journal_publisher} p where p.publisher > ?1 and p.follow is not null order by p.publisher limit ?2`,
    publisher: `select follow, last_term from ${t.journal_publisher} where publisher = ?1`,
    parts: `select ${PART} from ${t.journal_part} r where r.publisher = ?1 order by r.part`,
    members: `select owner, lease_until from ${t.journal_member} where publisher = ?1 order by owner`,
    writePublisher: `insert into ${t.journal_publisher} (publisher, follow, last_term) values (?1, ?2, ?3)
on conflict (publisher) do update set follow = excluded.follow, last_term = excluded.last_term`,
    writePart: `insert into ${t.journal_part} (publisher, part, slots, cursor, owner, term, lease_until)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7)
on conflict (publisher, part) do update set slots = excluded.slots, cursor = excluded.cursor, owner = excluded.owner,
  term = excluded.term, lease_until = excluded.lease_until`,
    endPart: `delete from ${t.journal_part} where publisher = ?1 and part = ?2`,
    writeMember: `insert into ${t.journal_member} (publisher, owner, lease_until) values (?1, ?2, ?3)
on conflict (publisher, owner) do update set lease_until = excluded.lease_until`,
    endMember: `delete from ${t.journal_member} where publisher = ?1 and owner = ?2`,
    save: `update ${t.journal_part} set cursor = ?4 where publisher = ?1 and part = ?2 and term = ?3 returning part`,
    hold: `insert into ${t.journal_hold}
  (publisher, scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
on conflict (publisher, scope, stream) do update set slot = excluded.slot, from_sequence = excluded.from_sequence,
  to_sequence = excluded.to_sequence, attempts = excluded.attempts, retry_at = excluded.retry_at,
  error = excluded.error`,
    free: `delete from ${t.journal_hold} where publisher = ?1 and scope = ?2 and stream = ?3`,
    freeAll: `delete from ${t.journal_hold} where publisher = ?1`,
    // replace: the row goes and comes again with the next number.
    bury: `insert or replace into ${t.journal_dead}
  (publisher, scope, stream, event_id, sequence, type, attempts, error, died_at)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)`,
    oldDead,
    purgeDead: `delete from ${t.journal_dead} where number in (${oldDead}) returning number`,
    forgetDead: `delete from ${t.journal_dead} where publisher = ?1`,
    resolveDead: `delete from ${t.journal_dead} where publisher = ?1 and number = ?2 and (?3 is null or scope = ?3)
returning number, scope, stream, event_id, sequence, type, attempts, error, died_at`,
    redrive: `insert into ${t.journal_hold}
  (publisher, scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error)
values (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, '')
on conflict (publisher, scope, stream) do update set to_sequence = max(to_sequence, excluded.to_sequence),
  from_sequence = min(from_sequence, excluded.from_sequence),
  attempts = iif(excluded.from_sequence < from_sequence, 0, attempts),
  retry_at = iif(excluded.from_sequence < from_sequence, excluded.retry_at, retry_at),
  error = iif(excluded.from_sequence < from_sequence, '', error)`,
    holds: `select scope, stream, slot, from_sequence, to_sequence, attempts, retry_at, error
from ${t.journal_hold} where publisher = ?1 and (?2 >> slot) & 1 = 1 order by retry_at, scope, stream limit ?3`,
    deadLetters: `select number, scope, stream, event_id, sequence, type, attempts, error, died_at
from ${t.journal_dead} where publisher = ?1 and number > ?2 and (?3 is null or scope = ?3) order by number limit ?4`,
  }
}
