/**
 * One face for the three engines' database objects, which differ in how they bind, read integers and begin.
 */
import type { SqlRow, SqlValue } from '../core/sql.js'
import { splitPlaceholders } from '../sql/placeholders.js'

/**
 * A database object of better-sqlite3, libsql or node:sqlite. Only what all three share is named here, so
 * that each is assignable without its types being installed.
 */
export interface SqliteHandle {
  prepare(sql: string): SqliteStatement
  exec(sql: string): unknown
}

export interface SqliteStatement {
  run(...params: SqliteParameter[]): unknown
  get(...params: SqliteParameter[]): unknown
  all(...params: SqliteParameter[]): unknown[]
}

export type SqliteParameter = string | number | bigint | null | Uint8Array

/** What the engines add, each its own part. */
interface HandleParts extends SqliteHandle {
  /** A boolean in better-sqlite3 and libsql, a method in node:sqlite. */
  readonly open?: unknown
  readonly isOpen?: boolean
  readonly inTransaction?: boolean
  readonly isTransaction?: boolean
}

interface Statement {
  all(...params: readonly unknown[]): readonly unknown[]
  run(...params: readonly unknown[]): unknown
  /** better-sqlite3 and libsql: whether it answers rows. */
  readonly reader?: boolean
  /** libsql: the native statement. */
  readonly stmt?: unknown
  safeIntegers?(on: boolean): unknown
  setReadBigInts?(on: boolean): unknown
  /** Newer versions of node:sqlite. */
  setReturnArrays?(on: boolean): unknown
  columns?(): readonly { readonly name: string }[]
}

export type BoundStatement = (params: readonly SqlValue[]) => readonly SqlRow[]

/** Prepared statements kept per database object; the store and its enqueue need about sixty. */
const MAX_STATEMENTS = 128
const prepared = new WeakMap<SqliteHandle, Map<string, BoundStatement>>()

/** Runs a statement on this handle, preparing it at its first use. Integers come back as `bigint`. */
export function runStatement(handle: SqliteHandle, text: string, params: readonly SqlValue[]): readonly SqlRow[] {
  let statements = prepared.get(handle)
  if (statements === undefined) prepared.set(handle, statements = new Map())
  let statement = statements.get(text)
  if (statement === undefined) {
    // The oldest goes: what is used in rotation beyond the bound would miss under any policy.
    if (statements.size >= MAX_STATEMENTS) for (const oldest of statements.keys()) {
      statements.delete(oldest)
      break
    }
    statements.set(text, statement = bind(handle, text))
  }
  return statement(params)
}

/** libsql keeps the file open for as long as a statement lives. */
export function forgetStatements(handle: SqliteHandle): void {
  prepared.delete(handle)
}

/**
 * Numbered placeholders are names to all three engines. To bind the k-th of them node:sqlite looks through k names, and
 * better-sqlite3 wants an object; 64 rows of an insert cost libsql 8 times as much by name as by position. So where
 * each number appears once and in order, it becomes a plain question mark.
 */
function bind(handle: SqliteHandle, text: string): BoundStatement {
  const { parts, indexes } = splitPlaceholders(text, '?')
  const isPlain = indexes.every((index, place) => index === place)
  const statement: Statement = handle.prepare(isPlain ? parts.join('?') : text)
  const isNode = statement.setReadBigInts !== undefined
  // libsql binds numbers by position in any case.
  const byPosition = isPlain || statement.stmt !== undefined || (isNode && bindsByPosition(handle))
  const parameters = !byPosition ? (params: readonly SqlValue[]) => [byName(bindable(params))]
    : isNode ? bindable : (params: readonly SqlValue[]) => [bindable(params)]
  if (statement.reader === false) {
    return (params) => {
      statement.run(...parameters(params))
      return []
    }
  }
  if (isNode) statement.setReadBigInts?.(true)
  else statement.safeIntegers?.(true)
  const { columns, setReturnArrays } = statement
  if (columns !== undefined && setReturnArrays !== undefined) {
    setReturnArrays.call(statement, true)
    const toRows = rowsOf(() => columns.call(statement).map(({ name }) => name))
    return (params) => toRows(statement.all(...parameters(params)) as readonly unknown[][])
  }
  return (params) => statement.all(...parameters(params)) as readonly SqlRow[]
}

/**
 * node:sqlite makes its row objects slowly: an event of twelve columns takes 4.8 µs, as an array from which an object
 * is made here 3.1. The names are asked for again when a table has got another number of columns.
 */
function rowsOf(columnNames: () => readonly string[]): (rows: readonly unknown[][]) => readonly SqlRow[] {
  let names: readonly string[] = []
  return (rows) => rows.map((values) => {
    if (names.length !== values.length) names = columnNames()
    const row: Record<string, unknown> = {}
    for (let n = 0; n < names.length; n += 1) row[names[n] as string] = values[n]
    return row
  })
}

function byName(values: readonly SqlValue[]): Readonly<Record<string, SqlValue>> {
  return Object.fromEntries(values.map((value, index) => [index + 1, value]))
}

let nodeBindsByPosition: boolean | undefined

/** node:sqlite took `?1` for a name until Node 22.20 or so, and binds names at half the speed. */
function bindsByPosition(handle: SqliteHandle): boolean {
  if (nodeBindsByPosition !== undefined) return nodeBindsByPosition
  try {
    const statement = handle.prepare('select ?1') as Statement
    statement.all(0)
    return nodeBindsByPosition = true
  } catch {
    return nodeBindsByPosition = false
  }
}

/** libsql ends the process when it is handed a boolean. Few statements have one, so few are copied. */
function bindable(params: readonly SqlValue[]): readonly SqlValue[] {
  return params.some(isBoolean) ? params.map((value) => (isBoolean(value) ? Number(value) : value)) : params
}

function isBoolean(value: SqlValue): value is boolean {
  return typeof value === 'boolean'
}

/**
 * libsql does not reset a prepared statement that SQLITE_BUSY stopped. The statement keeps the snapshot it
 * failed on, so after the rollback every BEGIN IMMEDIATE of that connection fails as well, until the
 * statement is collected. What `exec` runs is finalized in any case; so there the write lock is taken first,
 * by a statement that changes nothing, and no prepared one can meet another writer.
 */
export function takeWriteLock(handle: SqliteHandle): void {
  if (!isLibsql(handle)) return
  try {
    handle.exec('delete from sqlite_sequence where false')
  } catch (error) {
    // Without that table there is no message table either, which the next statement says better.
    if (!(error instanceof Error && error.message.includes('no such table'))) throw error
  }
}

/** Its database object holds the native one as `db`. */
function isLibsql(handle: SqliteHandle): boolean {
  return 'db' in handle && 'inTransaction' in handle
}

/** Whether a transaction is open on this handle; false for one that is closed. Never leaves the process. */
export function isInTransaction(handle: SqliteHandle): boolean {
  const { open, isOpen } = handle as HandleParts
  // Asked first: libsql ends the process when a closed database is asked for its transaction.
  if (open === false || isOpen === false) return false
  const { isTransaction, inTransaction } = handle as HandleParts
  const known = isTransaction ?? inTransaction
  return known ?? refusesToBegin(handle)
}

/**
 * node:sqlite before 22.16 cannot tell. There, BEGIN is refused inside a transaction, without harm to it;
 * outside, a deferred transaction takes no lock and is ended at once.
 */
function refusesToBegin(handle: SqliteHandle): boolean {
  try {
    handle.exec('BEGIN')
  } catch (error) {
    const message = error instanceof Error ? error.message : ''
    if (message.includes('within a transaction')) return true
    if (message.includes('not open')) return false
    throw error
  }
  handle.exec('ROLLBACK')
  return false
}
