/** From rows to events, and to what a page says of itself. */
import { NO_HEADERS } from '../../core/content.js'
import type { ScopeId } from '../../core/scope.js'
import type { SqlRow } from '../../core/sql.js'
import { NO_TAGS, type JournalEvent } from '../../journal/event.js'
import { formatMessageId } from '../../outbox/message-id.js'
import { optionalText, toBigInt, toBytes } from './row-values.js'

export interface PageState {
  readonly epoch: string
  /** The highest position visible. */
  readonly head: bigint
  readonly snap: string
  readonly nextXid: bigint
}

export function toPageState(row: SqlRow | undefined): PageState {
  return {
    epoch: String(row?.['epoch']), head: toBigInt(row?.['head']), snap: String(row?.['snap']),
    nextXid: toBigInt(row?.['next_xid']),
  }
}

export function toEvent(tag: string, row: SqlRow): JournalEvent {
  const position = toBigInt(row['position'])
  return {
    id: formatMessageId(tag, position), position,
    scope: row['scope'] as ScopeId,
    stream: String(row['stream']),
    sequence: toBigInt(row['sequence']),
    type: String(row['type']),
    payload: toBytes(row['payload']),
    contentType: String(row['content_type']),
    manifest: optionalText(row['manifest']),
    tags: row['tags'] === null ? NO_TAGS : JSON.parse(String(row['tags'])) as string[],
    headers: row['headers'] === null ? NO_HEADERS : JSON.parse(String(row['headers'])) as Record<string, string>,
    writerId: optionalText(row['writer_id']),
    createdAt: Number(row['created_at']),
  }
}
