/** What the migrations make, read from their own text, so that it cannot differ from them. */
import type { NamedMigration } from '../../sql/schema-finding.js'
import { migrationSql } from './schema.js'

export interface ExpectedSchema {
  readonly migrations: readonly NamedMigration[]
  readonly tables: ReadonlySet<string>
  readonly indexes: ReadonlySet<string>
  readonly functions: ReadonlySet<string>
  /** Tables whose rows are changed in place. */
  readonly updated: ReadonlySet<string>
}

const STEP = /insert into migration \(version, name, checksum\) values \((\d+), '(\w+)', '([0-9a-f]+)'\)/g
const OBJECT = new RegExp('^\\s*(create|drop)\\s+(?:or replace\\s+)?(?:unique\\s+)?(?:unlogged\\s+)?'
  + '(table|index|function)\\s+(?:if (?:not )?exists\\s+)?(\\w+)', 'gim')
const UPDATE = /\bupdate (outbox_\w+)/g
/** Those that statements outside the migrations change. */
const UPDATED = [
  'journal_stream', 'journal_key',
  'journal_publisher', 'journal_part', 'journal_member', 'journal_hold', 'journal_dead',
  'journal_offset_owner', 'journal_offset',
  'feed', 'feed_result', 'feed_row', 'feed_subscriber', 'feed_checkpoint', 'feed_dead', 'dlq_entry', 'inbox',
]

export function expectedSchema(): ExpectedSchema {
  const text = migrationSql('waybill')
  const found = { table: new Set<string>(), index: new Set<string>(), function: new Set<string>() }
  // In the order of the text, because a later step may drop what an earlier one made.
  for (const [, verb = '', kind = '', name = ''] of text.matchAll(OBJECT)) {
    const names = found[kind.toLowerCase() as keyof typeof found]
    if (verb.toLowerCase() === 'create') names.add(name)
    else names.delete(name)
  }
  return {
    migrations: [...text.matchAll(STEP)].map(([, version, name = '', checksum = '']) =>
      ({ version: Number(version), name, checksum })),
    tables: found.table,
    indexes: found.index,
    functions: found.function,
    updated: new Set([
      ...[...text.matchAll(UPDATE)].map(([, name = '']) => name).filter((name) => found.table.has(name)), ...UPDATED,
    ]),
  }
}
