/** What changes and rows are told by: the same for producers, subscribers and the checker. */
import { createHash } from 'node:crypto'
import type { RowChange } from './events.js'

export function digestOfChanges(changes: readonly RowChange[]): string {
  return digestOf(changes.map((change) => JSON.stringify(change)))
}

/** In any order. */
export function digestOfRows(rows: Iterable<RowChange>): string {
  return digestOf([...rows].map((row) => JSON.stringify(row)).sort())
}

function digestOf(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('base64url').slice(0, 22)
}
