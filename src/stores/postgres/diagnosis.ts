/**
 * What `doctor` asks a PostgreSQL: whether the server keeps what it commits (diagnosis-server.ts), whether the schema
 * is the one that this version needs (diagnosis-schema.ts), and whether somebody is in the way (diagnosis-sessions.ts).
 */
import { skipped, type Finding } from '../../core/diagnosis.js'
import { isWaybillError } from '../../core/errors.js'
import type { SqlDatabase } from '../../core/sql.js'
import { translatedDatabase, translatedExecutor } from './database.js'
import type { Ask, Check } from './diagnosis-check.js'
import { SCHEMA_CHECKS } from './diagnosis-schema.js'
import { SERVER_CHECKS } from './diagnosis-server.js'
import { SESSION_CHECKS } from './diagnosis-sessions.js'

export interface DiagnosisOptions {
  readonly schema: string
  /** Default five minutes. */
  readonly openTooLongMs?: number
}

/** One finding per check, in order. @throws STORE_UNAVAILABLE. */
export async function diagnosePostgres(given: SqlDatabase, options: DiagnosisOptions): Promise<readonly Finding[]> {
  const database = translatedDatabase(given)
  const { schema, openTooLongMs = 300_000 } = options
  const ask: Ask = {
    schema, openTooLongMs,
    database: given.session === undefined ? database : {
      ...database, session: (work) => given.session!((executor) => work(translatedExecutor(executor))),
    },
    rows: (text, ...params) => database.executor.execute({ text, params }),
  }
  const [found] = await ask.rows('select count(*)::integer as count from pg_namespace where nspname = $1', schema)
  const hasSchema = Number(found?.['count']) > 0
  const findings: Finding[] = []
  for (const check of [...SERVER_CHECKS, ...SCHEMA_CHECKS, ...SESSION_CHECKS]) {
    findings.push(check.needsSchema === true && !hasSchema
      ? skipped(check.name, 'there is no schema yet')
      : await look(check, ask))
  }
  return findings
}

/** A check that may not look says so; the others go on. */
async function look(check: Check, ask: Ask): Promise<Finding> {
  try {
    return await check.look(ask)
  } catch (error) {
    if (!isWaybillError(error) || error.code === 'STORE_UNAVAILABLE' || error.code === 'CLOSED') throw error
    const { cause } = error
    return skipped(check.name, `cannot be found out: ${cause instanceof Error ? cause.message : error.message}`)
  }
}
