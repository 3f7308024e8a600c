/** One question of the doctor to a PostgreSQL, and what it is asked with. */
import type { Finding } from '../../core/diagnosis.js'
import type { SqlDatabase, SqlRow, SqlValue } from '../../core/sql.js'

export interface Ask {
  readonly schema: string
  readonly database: SqlDatabase
  /** A transaction that is open for longer is told. */
  readonly openTooLongMs: number
  rows(text: string, ...params: readonly SqlValue[]): Promise<readonly SqlRow[]>
}

export interface Check {
  readonly name: string
  /** Whether it looks into the schema, and so has nothing to look at while that is missing. */
  readonly needsSchema?: boolean
  look(ask: Ask): Promise<Finding>
}
