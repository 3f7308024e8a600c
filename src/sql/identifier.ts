/** The one place that puts a name into SQL text. Values never go into text: they are parameters. */
import { validationError } from '../core/errors.js'

/** Quoted for PostgreSQL and SQLite. @throws VALIDATION for what neither can hold. */
export function quoteIdentifier(name: string): string {
  if (name === '' || name.includes('\u0000') || !name.isWellFormed()) {
    throw validationError('identifier', 'must be non-empty well-formed text without NUL')
  }
  return `"${name.replaceAll('"', '""')}"`
}
