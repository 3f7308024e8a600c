/** Reading the journal: by stream, from a cursor, by id; and which streams there are. */
import { NO_HEADERS } from '../../core/content.js'
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import type { PagesRead, StreamRead, StreamsRead } from '../../journal/contract.js'
import { NO_TAGS, type JournalEvent, type StreamName, type StreamSummary } from '../../journal/event.js'
import type { SlotMask } from '../../journal/progress.js'
import { formatMessageId } from '../../outbox/message-id.js'
import { prefixEnd } from '../../sql/prefix.js'
import type { SqliteQuery } from '../../sql/sqlite-connection.js'
import { toBytes } from './outbox-rows.js'
import type { Tables } from './tables.js'

/** Headers and tags are null where there are none: most have none, and no text is made for them. */
const EVENT = `e.position, e.scope, e.stream, e.sequence, e.type, e.manifest, e.writer_id, e.content_type,
  nullif(e.headers, '{}') as headers, nullif(e.tags, '[]') as tags, e.created_at, e.payload`

/** Scope ?4, streams ?5 as a JSON array, slots ?6. */
const WANTED = `(?4 is null or e.scope = ?4) and (?5 is null or e.stream in (select value from json_each(?5)))
and (?6 is null or (?6 >> e.slot) & 1)`

export type JournalReadStatements = ReturnType<typeof journalReadStatements>

export function journalReadStatements(t: Tables) {
  const streams = (where: string): string => `select scope, stream, last, deleted_to from ${t.journal_stream}
where ${where} and stream >= ?3 and (?4 is null or stream < ?4) order by scope, stream limit ?5`
  return {
    stream: `select ${EVENT} from ${t.journal_event} e where e.scope = ?1 and e.stream = ?2
and e.sequence >= max(?3, 1 + coalesce((
  select deleted_to from ${t.journal_stream} where not ?6 and scope = ?1 and stream = ?2), 0))
and e.sequence <= ?4 order by e.sequence limit ?5`,
    all: `select ${EVENT} from ${t.journal_event} e
where e.position > ?1 and e.position <= ?2 and ${WANTED} order by e.position limit ?3`,
    // cross join: by tag first, each looked up by its position.
    tagged: `select ${EVENT} from ${t.journal_tag} g cross join ${t.journal_event} e on e.position = g.position
where g.tag = ?7 and g.position > ?1 and g.position <= ?2 and ${WANTED} order by g.position limit ?3`,
    head: 'select seq as head from sqlite_sequence where name = ?1',
    get: `select ${EVENT} from json_each(?1) j cross join ${t.journal_event} e on e.position = j.value
where ?2 is null or e.scope = ?2`,
    streamsOfAll: streams('(scope, stream) > (?1, ?2)'),
    streamsOfOne: streams('scope = ?1 and stream > ?2'),
    highest: `select last from ${t.journal_stream} where scope = ?1 and stream = ?2`,
    deleteTo: `update ${t.journal_stream} set deleted_to = min(last, ?3)
where scope = ?1 and stream = ?2 and deleted_to < min(last, ?3)`,
    removeTags: `delete from ${t.journal_tag} where (tag, position) in (
  select j.value, e.position from ${t.journal_event} e cross join json_each(e.tags) j
  where e.scope = ?1 and e.stream = ?2 and e.sequence <= ?3)`,
    removeEvents: `delete from ${t.journal_event} where scope = ?1 and stream = ?2 and sequence <= ?3`,
  }
}

export function readStream(
  query: SqliteQuery, sql: JournalReadStatements, tag: string, request: StreamRead,
): JournalEvent[] {
  const { scope, stream, from, to, deleted, limit } = request
  return query(sql.stream, scope, stream, from, to, limit, deleted ? 1 : 0).map((row) => toEvent(tag, row))
}

/** The events of a part in (from, to]. Those of several tags are read tag by tag, and each is given once. */
export function readBetween(
  query: SqliteQuery, sql: JournalReadStatements, tag: string,
  { tags, streams, scope, limit }: PagesRead, slots: SlotMask | undefined, from: bigint, to: bigint,
): JournalEvent[] {
  const names = streams === undefined ? null : JSON.stringify(streams)
  const params = [from, to, limit, scope ?? null, names, slots === undefined ? null : BigInt.asIntN(64, slots)]
  if (tags === undefined) return query(sql.all, ...params).map((row) => toEvent(tag, row))
  const found = new Map<bigint, SqlRow>()
  for (const each of new Set(tags)) {
    for (const row of query(sql.tagged, ...params, each)) found.set(BigInt(row['position'] as bigint), row)
  }
  const positions = [...found.keys()].sort((a, b) => (a < b ? -1 : 1)).slice(0, limit)
  return positions.map((position) => toEvent(tag, found.get(position) ?? {}))
}

export function getEvents(
  query: SqliteQuery, sql: JournalReadStatements, tag: string, positions: readonly bigint[], scope: ScopeId | undefined,
): JournalEvent[] {
  return query(sql.get, `[${[...new Set(positions)].join(',')}]`, scope ?? null).map((row) => toEvent(tag, row))
}

/** The last position ever given by a committed append. */
export function headOf(query: SqliteQuery, sql: JournalReadStatements, sequenceName: string): bigint {
  return BigInt((query(sql.head, sequenceName)[0]?.['head'] ?? 0n) as bigint)
}

export function listStreams(query: SqliteQuery, sql: JournalReadStatements, request: StreamsRead): StreamSummary[] {
  const { scope, prefix, after, limit } = request
  const text = scope === undefined ? sql.streamsOfAll : sql.streamsOfOne
  const rows = query(text, scope ?? after?.scope ?? '', after?.stream ?? '', prefix, prefixEnd(prefix) ?? null, limit)
  return rows.map((row) => ({
    scope: String(row['scope']) as ScopeId, stream: String(row['stream']),
    highestSequence: BigInt(row['last'] as bigint), deletedTo: BigInt(row['deleted_to'] as bigint),
  }))
}

export function highestSequence(query: SqliteQuery, sql: JournalReadStatements, name: StreamName): bigint {
  return BigInt((query(sql.highest, name.scope, name.stream)[0]?.['last'] ?? 0n) as bigint)
}

function toEvent(tag: string, row: SqlRow): JournalEvent {
  const position = BigInt(row['position'] as bigint)
  return {
    id: formatMessageId(tag, position), position,
    scope: String(row['scope']) as ScopeId,
    stream: String(row['stream']),
    sequence: BigInt(row['sequence'] as bigint),
    type: String(row['type']),
    payload: toBytes(row['payload']),
    contentType: String(row['content_type']),
    manifest: typeof row['manifest'] === 'string' ? row['manifest'] : undefined,
    tags: row['tags'] === null ? NO_TAGS : JSON.parse(String(row['tags'])) as string[],
    headers: row['headers'] === null ? NO_HEADERS : JSON.parse(String(row['headers'])) as Record<string, string>,
    writerId: typeof row['writer_id'] === 'string' ? row['writer_id'] : undefined,
    createdAt: Number(row['created_at']),
  }
}
