/** A transaction in which one statement fails. */
import type { SqlExecutor } from '../../src/core/sql.js'

/** Its statement number `failAt` is one that the database refuses. */
export function failingAt(tx: SqlExecutor, failAt: number): SqlExecutor {
  let count = 0
  return {
    execute: (statement) => tx.execute(++count === failAt ? { text: 'select no_such_column', params: [] } : statement),
  }
}
