/** Which SQLite runs the store's own connections: the one inside Node, or an installed package. */
import { createRequire } from 'node:module'
import { WaybillError } from '../core/errors.js'
import type { SqliteConnection, SqliteEngine } from '../sql/sqlite-connection.js'
import { forgetStatements, runStatement, type SqliteHandle } from './sqlite-statements.js'

export const SQLITE_ENGINES = ['node:sqlite', 'libsql', 'better-sqlite3'] as const
export type SqliteEngineName = (typeof SQLITE_ENGINES)[number]

type Constructor = new (path: string) => SqliteHandle & { close(): unknown }

/**
 * The engine asked for, or the first there is: node:sqlite (Node 22.13 and later), libsql (prebuilt, installs
 * without a script), better-sqlite3.
 * @throws DRIVER_MISSING with the command that installs one.
 */
export function sqliteEngine(name?: SqliteEngineName): SqliteEngine {
  for (const candidate of name === undefined ? SQLITE_ENGINES : [name]) {
    const Database = candidate === 'node:sqlite' ? builtin() : installed(candidate)
    if (Database !== undefined) return { name: candidate, open: (path) => connect(create(candidate, Database, path)) }
  }
  throw new WaybillError('DRIVER_MISSING', remedyFor(name), { details: { engine: name ?? null } })
}

function remedyFor(name: SqliteEngineName | undefined): string {
  if (name === 'node:sqlite') return 'this Node has no node:sqlite; use Node 22.13 or later, or `npm install libsql`'
  if (name !== undefined) return `${name} is not installed; run \`npm install ${name}\``
  return 'no SQLite engine found; run `npm install libsql`, or use Node 22.13 or later'
}

function builtin(): Constructor | undefined {
  const module: unknown = process.getBuiltinModule('node:sqlite')
  return isObject(module) ? module['DatabaseSync'] as Constructor | undefined : undefined
}

function installed(name: string): Constructor | undefined {
  const require = createRequire(import.meta.url)
  try {
    return require(name) as Constructor
  } catch (error) {
    const isAbsent = isObject(error) && error['code'] === 'MODULE_NOT_FOUND'
      && String(error['message']).includes(`'${name}'`)
    if (isAbsent) return undefined
    throw unloadable(name, error)
  }
}

/** better-sqlite3 loads its native part only here. */
function create(name: string, Database: Constructor, path: string): InstanceType<Constructor> {
  try {
    return new Database(path)
  } catch (error) {
    const isUnbuilt = error instanceof Error
      && (('code' in error && error.code === 'ERR_DLOPEN_FAILED') || error.message.includes('bindings file'))
    throw isUnbuilt ? unloadable(name, error) : error
  }
}

/** A package that is there but does not load must say so, or it would be taken for absent. */
function unloadable(name: string, cause: unknown): WaybillError {
  return new WaybillError('DRIVER_MISSING', `${name} is installed but does not load; run \`npm rebuild ${name}\``, {
    cause, details: { engine: name },
  })
}

function connect(handle: SqliteHandle & { close(): unknown }): SqliteConnection {
  return {
    handle,
    query: (text, ...params) => runStatement(handle, text, params),
    exec: (script) => void handle.exec(script),
    close() {
      forgetStatements(handle)
      handle.close()
    },
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
