/**
 * What `doctor` asks of a SQLite file. It has a connection of its own, because the store's would put the file in WAL
 * mode before anybody could see that it was not.
 */
import { constants, existsSync } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ok, problem, skipped, someOf, spanText, warning, type Finding } from '../../core/diagnosis.js'
import { monotonicMs, pause } from '../../core/environment.js'
import { isWaybillError, WaybillError } from '../../core/errors.js'
import { quoteIdentifier } from '../../sql/identifier.js'
import { migrationChecksum } from '../../sql/migrations.js'
import { NEXT_MIGRATE, schemaFinding } from '../../sql/schema-finding.js'
import type { SqliteConnection, SqliteEngine } from '../../sql/sqlite-connection.js'
import { toWaybillError } from './errors.js'
import { migrations } from './schema.js'

export interface DiagnosisOptions {
  readonly path: string
  readonly engine: SqliteEngine
  readonly prefix: string
  /** How long the write lock may be held. Default five seconds. */
  readonly lockedMs?: number
  /** A larger file is not read through. Default 1 GiB. */
  readonly checkBytes?: number
}

const LOCK_PAUSE_MS = 20
const GIBIBYTE = 2 ** 30
const LEAST_FREE = 0.05
/** Of Linux, by the number that the kernel gives: those whose locks another machine may not see. */
const NETWORK_FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'], [0x517b, 'SMB'], [0xff534d42, 'CIFS'], [0xfe534d42, 'SMB'], [0x01021997, '9p'],
  [0x5346414f, 'AFS'], [0x00c36400, 'Ceph'], [0x0bd00bd0, 'Lustre'], [0x01161970, 'GFS2'],
])

/** One finding per check, in order. @throws STORE_UNAVAILABLE, DRIVER_MISSING. */
export async function diagnoseSqlite(options: DiagnosisOptions): Promise<readonly Finding[]> {
  const { path, engine } = options
  if (!existsSync(path)) throw new WaybillError('STORE_UNAVAILABLE', `there is no file ${path}`, { retryable: true })
  const files = [await writable(path), ...await fileSystem(path), await space(path)]
  let connection: SqliteConnection | undefined
  try {
    connection = engine.open(path)
    const opened = connection
    return [
      ...files,
      asked('journal_mode', () => journalMode(opened)),
      asked('synchronous', () => synchronous(opened)),
      await integrity(opened, options),
      asked('schema', () => schema(opened, options.prefix)),
      asked('objects', () => objects(opened, options.prefix)),
      await writeLock(opened, options),
    ]
  } catch (error) {
    throw isWaybillError(error) ? error : toWaybillError(error)
  } finally {
    connection?.close()
  }
}

/** A damaged file fails at any question; that is a finding, and the others are asked too. */
function asked(name: string, look: () => Finding): Finding {
  try {
    return look()
  } catch (thrown) {
    const error = toWaybillError(thrown)
    if (error.code === 'STORE_UNAVAILABLE' || error.code === 'DRIVER_MISSING') throw error
    if (error.code === 'CORRUPT') return damaged(name)
    const { cause } = error
    return skipped(name, `cannot be found out: ${cause instanceof Error ? cause.message : error.message}`)
  }
}

function damaged(name: string): Finding {
  return problem(name, 'the file is damaged, or is no SQLite database',
    'stop everything that writes to it, and restore it from a backup')
}

async function writable(path: string): Promise<Finding> {
  const may = async (each: string): Promise<boolean> => access(each, constants.W_OK).then(() => true, () => false)
  const advice = 'give the user of this program the right to write to the file and to its folder'
  if (!await may(path)) return problem('writable', `${path} may not be written`, advice)
  // The log and its index are files beside it.
  if (!await may(dirname(path))) return problem('writable', `no file may be made beside ${path}`, advice)
  return ok('writable', 'the file and its folder')
}

/** Empty where the system does not say what it is. */
async function fileSystem(path: string): Promise<Finding[]> {
  if (process.platform !== 'linux') return []
  const { type } = await statfs(path)
  const name = NETWORK_FILE_SYSTEMS.get(type)
  return [name === undefined ? ok('file_system', 'no network file system that is known') : problem('file_system',
    `${name}, a network file system: its locks and its memory maps do not hold between machines`,
    'move the file to a local disk')]
}

async function space(path: string): Promise<Finding> {
  const { bavail, blocks } = await statfs(path)
  if (blocks === 0) return skipped('disk_space', 'the file system does not say')
  const free = bavail / blocks
  const found = `${(free * 100).toFixed(free < 0.1 ? 1 : 0)} % free`
  return free >= LEAST_FREE ? ok('disk_space', found)
    : warning('disk_space', found, 'make room: on a full disk nothing can be enqueued or settled')
}

function journalMode({ query }: SqliteConnection): Finding {
  const mode = String(query('pragma journal_mode')[0]?.['journal_mode'])
  return mode === 'wal' ? ok('journal_mode', mode) : problem('journal_mode',
    `${mode}: readers and writers keep each other out`,
    'leave it to Waybill, which sets it to wal, and take out what sets it to something else')
}

/** Of a connection that sets nothing, which is what the caller's own may be. */
function synchronous({ query }: SqliteConnection): Finding {
  const level = Number(query('pragma synchronous')[0]?.['synchronous'])
  const name = ['off', 'normal', 'full', 'extra'][level] ?? String(level)
  return level > 0 ? ok('synchronous', `${name} by default`) : problem('synchronous',
    'off by default: a crash of the machine can damage the file',
    'set `pragma synchronous = normal` on the connections that write messages')
}

async function integrity({ query }: SqliteConnection, options: DiagnosisOptions): Promise<Finding> {
  const { size } = await stat(options.path)
  if (size > (options.checkBytes ?? GIBIBYTE)) {
    const megabytes = Math.round(size / 1_000_000).toLocaleString('en-US')
    return skipped('integrity', `${megabytes} MB would take long; run \`pragma quick_check\` when there is time`)
  }
  return asked('integrity', () => {
    const faults = query('pragma quick_check(10)').map((row) => String(row['quick_check']))
    if (faults.length === 1 && faults[0] === 'ok') return ok('integrity', 'quick_check finds nothing')
    return problem('integrity', `quick_check: ${someOf(faults, 2)}`,
      'stop everything that writes to it, and restore it from a backup')
  })
}

function schema({ query }: SqliteConnection, prefix: string): Finding {
  const [table] = query('select 1 from sqlite_master where type = ?1 and name = ?2', 'table', `${prefix}migration`)
  if (table === undefined) return problem('schema', `there are no tables that begin with ${prefix}`, NEXT_MIGRATE)
  const applied = query(`select version, checksum from ${quoteIdentifier(`${prefix}migration`)}`)
  return schemaFinding(
    migrations(prefix).map((each) => ({ ...each, checksum: migrationChecksum(each) })),
    applied.map(({ version, checksum }) => ({ version: Number(version), checksum: String(checksum) })))
}

const OBJECT = /^\s*(create|drop)\s+(?:unique\s+)?(table|index)\s+(?:if (?:not )?exists\s+)?"((?:[^"]|"")+)"/i

/** What the migrations make, read from their own text. */
function objects({ query }: SqliteConnection, prefix: string): Finding {
  const present = new Set(query(`select name from sqlite_master`).map((row) => String(row['name'])))
  if (!present.has(`${prefix}migration`)) return skipped('objects', 'there are no tables yet')
  const expected = new Map<string, string>()
  for (const statement of migrations(prefix).flatMap(({ statements }) => statements)) {
    const [, verb = '', kind = '', quoted = ''] = OBJECT.exec(statement) ?? []
    const name = quoted.replaceAll('""', '"')
    if (verb.toLowerCase() === 'create') expected.set(name, kind.toLowerCase())
    else expected.delete(name)
  }
  const missing = [...expected].filter(([name]) => !present.has(name)).map(([name, kind]) => `${kind} ${name}`)
  if (missing.length === 0) return ok('objects', `${expected.size} tables and indexes`)
  return problem('objects', `missing: ${someOf(missing)}`,
    'create them again as `waybill migrate --print` shows; a migration that was applied is not repeated')
}

async function writeLock(connection: SqliteConnection, { lockedMs = 5_000 }: DiagnosisOptions): Promise<Finding> {
  const startedMs = monotonicMs()
  for (;;) {
    try {
      connection.exec('begin immediate')
      connection.exec('rollback')
      return ok('write_lock', 'free')
    } catch (thrown) {
      const error = toWaybillError(thrown)
      if (error.code === 'CORRUPT') return damaged('write_lock')
      if (error.code !== 'TRANSACTION_ABORTED') {
        return skipped('write_lock', 'cannot be taken: the file may not be written')
      }
    }
    if (monotonicMs() - startedMs >= lockedMs) {
      return problem('write_lock', `another connection has held it for more than ${spanText(lockedMs)}`,
        'find the transaction that stays open: nothing can be enqueued, claimed or settled meanwhile')
    }
    await pause(LOCK_PAUSE_MS)
  }
}
