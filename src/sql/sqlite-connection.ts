/**
 * The port between the SQLite store and whichever engine runs it. Every call returns at once: SQLite is a
 * library, so a statement is a function call and not a round trip.
 */
import type { SqlRow, SqlValue } from '../core/sql.js'

/** Runs one statement, prepared once and kept. Integers come back as `bigint`, blobs as bytes. */
export type SqliteQuery = (text: string, ...params: readonly SqlValue[]) => readonly SqlRow[]

export interface SqliteConnection {
  /** The engine's own database object. */
  readonly handle: object
  readonly query: SqliteQuery
  /** Runs a script of several statements without parameters. */
  exec(script: string): void
  close(): void
}

export interface SqliteEngine {
  readonly name: string
  /** Opens a connection of its own to the file, creating the file when it does not exist. */
  open(path: string): SqliteConnection
}
