/** What an SQLite error means to a caller. ORMs wrap what the engine threw, so causes are searched. */
import { WaybillError, type WaybillErrorCode } from '../../core/errors.js'

interface Meaning {
  readonly code: WaybillErrorCode
  readonly message: string
  readonly retryable: boolean
}

const ABORTED: Meaning = {
  code: 'TRANSACTION_ABORTED', retryable: true,
  message: 'another connection is writing, or wrote since this transaction first read; run all of it again '
    + '(one that will write is best begun with BEGIN IMMEDIATE)',
}
const UNAVAILABLE: Meaning = {
  code: 'STORE_UNAVAILABLE', retryable: true, message: 'the database file cannot be opened, read or written',
}
const CORRUPT: Meaning = { code: 'CORRUPT', retryable: false, message: 'the file is damaged or is no SQLite database' }

/** By primary result code, the low byte of SQLite's extended codes. */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [5, ABORTED], [6, ABORTED], [10, UNAVAILABLE], [11, CORRUPT],
  [13, { code: 'STORE_FAILED', retryable: true, message: 'the disk is full' }],
  [14, UNAVAILABLE], [26, CORRUPT],
])
const NAMES: Readonly<Record<string, number>> = {
  BUSY: 5, LOCKED: 6, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, MISMATCH: 20, NOTADB: 26,
}

export function toWaybillError(error: unknown): WaybillError {
  if (error instanceof WaybillError) return error
  const resultCode = resultCodeOf(error)
  const meaning = resultCode === undefined ? undefined : MEANINGS.get(resultCode)
  const details = { resultCode: resultCode ?? null }
  if (meaning !== undefined) {
    return new WaybillError(meaning.code, meaning.message, { retryable: meaning.retryable, cause: error, details })
  }
  if (messages(error).some((message) => message.includes('no such table'))) return notMigrated(error)
  return new WaybillError('STORE_FAILED', 'SQLite refused a statement', { cause: error, details })
}

export function notMigrated(cause?: unknown): WaybillError {
  return new WaybillError('NOT_MIGRATED',
    'the schema is missing or old; run `waybill migrate` or waybill.migrate()', { cause })
}

/** After the last number comes none ("full"), or one that is no integer ("mismatch"). */
export function mayBeExhausted(error: WaybillError): boolean {
  return error.details['resultCode'] === 13 || error.details['resultCode'] === 20
}

/**
 * node:sqlite has a numeric `errcode`; better-sqlite3 and libsql have names such as `SQLITE_BUSY_SNAPSHOT`.
 */
function resultCodeOf(error: unknown): number | undefined {
  for (const each of chain(error)) {
    if ('errcode' in each && typeof each.errcode === 'number') return each.errcode & 0xff
    if ('rawCode' in each && typeof each.rawCode === 'number') return each.rawCode & 0xff
    const name = 'code' in each && typeof each.code === 'string' ? /^SQLITE_([A-Z]+)/.exec(each.code)?.[1] : undefined
    if (name !== undefined) return NAMES[name]
  }
  return undefined
}

function messages(error: unknown): string[] {
  return chain(error).map((each) => each.message)
}

function chain(error: unknown): Error[] {
  const errors: Error[] = []
  for (let each = error; each instanceof Error && errors.length < 5; each = each.cause) errors.push(each)
  return errors
}
