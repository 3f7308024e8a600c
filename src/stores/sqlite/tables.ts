/** The quoted names of the tables and indexes, under a prefix that may hold anything. */
import { WaybillError } from '../../core/errors.js'
import { quoteIdentifier } from '../../sql/identifier.js'

const TABLES = [
  'meta', 'migration', 'outbox_message', 'outbox_queue', 'outbox_due', 'outbox_claim', 'outbox_claimed',
  'outbox_delivered', 'outbox_dead', 'outbox_redriven', 'outbox_failure', 'outbox_dedupe', 'outbox_key', 'outbox_lane',
  'outbox_pause', 'journal_stream', 'journal_event', 'journal_tag', 'journal_key', 'journal_publisher',
  'journal_part', 'journal_member', 'journal_hold', 'journal_dead', 'journal_offset_owner', 'journal_offset', 'feed',
  'feed_result', 'feed_row',
  'feed_subscriber', 'feed_checkpoint', 'feed_dead', 'outbox_edit', 'dlq_entry', 'inbox',
] as const

export type TableName = (typeof TABLES)[number]
/** Quoted, ready for SQL text. */
export type Tables = Readonly<Record<TableName, string>>

/** @throws VALIDATION for what an identifier cannot hold; CONFIG_INVALID for names that SQLite reserves. */
export function tableNames(prefix: string): Tables {
  if (/^sqlite_/i.test(prefix)) {
    throw new WaybillError('CONFIG_INVALID', 'the prefix must not begin with sqlite_, which SQLite keeps for itself')
  }
  return Object.fromEntries(TABLES.map((name) => [name, quoteIdentifier(prefix + name)])) as Record<TableName, string>
}
