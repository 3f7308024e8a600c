/** From the texts of a noun's statements to what makes them, with the schema's quoted name put in once. */
import { createHash } from 'node:crypto'
import type { SqlStatement, SqlValue } from '../../core/sql.js'

/** The database's clock, as integer milliseconds. */
export const NOW = 'floor(extract(epoch from clock_timestamp()) * 1000)::bigint'

export type NamedStatements<Key extends string> = Readonly<Record<Key, (params: readonly SqlValue[]) => SqlStatement>>

/** Each `{word}` of a text is replaced by what `names` has for it, quoted already. */
export function namedStatements<Key extends string>(
  texts: Readonly<Record<Key, string>>, names: Readonly<Record<string, string>>,
): NamedStatements<Key> {
  const entries = Object.entries<string>(texts).map(([key, template]) => {
    const text = template.replace(/\{(\w+)\}/g, (whole, word: string) => names[word] ?? whole)
    // The name changes with the text, so a cached plan never outlives a change of the schema.
    const name = `waybill_${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
    return [key, (params: readonly SqlValue[]): SqlStatement => ({ text, params, name })]
  })
  return Object.fromEntries(entries) as NamedStatements<Key>
}
