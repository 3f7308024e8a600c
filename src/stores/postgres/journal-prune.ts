/** Prunes leaf by leaf, step by step. What a step is, and why it may: schema-journal-prune.ts. */
import type { SqlDatabase, SqlRow, SqlValue } from '../../core/sql.js'
import type { PruneRequest, PruneResult } from '../../journal/contract.js'
import type { JournalStatements } from './journal-statements.js'
import { LEAVES } from './schema-journal-ring.js'

/** Rows of a step that deletes: some tens of milliseconds. */
const STEP_ROWS = 5_000

export async function pruneLeaves(
  database: SqlDatabase, sql: JournalStatements, request: PruneRequest,
): Promise<PruneResult> {
  const { upTo, asOf, dryRun, signal, onProgress } = request
  let removed = 0
  let isBusy = false
  let isAborted = false
  for (let leaf = 0; leaf < LEAVES && !dryRun && !isAborted; leaf += 1) {
    for (let after: string | null = '-1'; after !== null;) {
      isAborted = signal?.aborted === true
      if (isAborted) break
      const row: SqlRow | undefined = await runStep(database, sql, [leaf, after, upTo, asOf, STEP_ROWS])
      const count = Number(row?.['removed'] ?? 0)
      removed += count
      isBusy ||= row?.['is_busy'] === true
      if (count > 0) onProgress?.(removed)
      after = row?.['reached'] == null ? null : String(row['reached'])
    }
  }
  if (!dryRun && !isBusy && !isAborted) return { removed, remaining: 0, isBusy }
  const [row] = await database.executor.execute(sql.countAged([upTo, asOf]))
  return { removed, remaining: Number(row?.['count'] ?? 0), isBusy }
}

function runStep(
  database: SqlDatabase, sql: JournalStatements, params: readonly SqlValue[],
): Promise<SqlRow | undefined> {
  return database.transaction(async (tx) => {
    await tx.execute(sql.readCommitted([]))
    return (await tx.execute(sql.prune(params)))[0]
  })
}
