/** From rows to feeds, and back to parameters. */
import type { SqlRow, SqlValue } from '../../core/sql.js'
import { fromOrderedI64, MAX_ASSIGNED, orderedI64 } from '../../core/u64.js'
import type { FeedCommit, LiveRow, LogEntry, RowMutation } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { arrayLiteral, byteaArrayLiteral } from './array-literal.js'
import { toBigInt, toBytes } from './row-values.js'

export function toState(row: SqlRow): FeedState {
  return {
    feed: String(row['feed']), incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
    sequence: toBigInt(row['sequence']), first: toBigInt(row['first']), capacity: Number(row['capacity']),
  }
}

/** Undefined of a row that is there for something else. */
export function toStateIfAny(row: SqlRow | undefined): FeedState | undefined {
  return row === undefined || row['feed'] === null ? undefined : toState(row)
}

export function toEntry(row: SqlRow): LogEntry {
  return { sequence: fromOrderedI64(toBigInt(row['place'])), data: toBytes(row['content']) }
}

export function toLiveRow(row: SqlRow): LiveRow {
  return { signature: fromOrderedI64(toBigInt(row['signature'])), data: toBytes(row['content']) }
}

/** Those of the statement `commit`. Results that would leave the ring at once are counted, and not sent. */
export function commitParams({ feed, configHash, capacity, results, mutations }: FeedCommit): readonly SqlValue[] {
  const kept = results.slice(Math.max(0, results.length - capacity))
  const { put, gone } = mutationColumns(mutations)
  return [feed, configHash, results.length, capacity, byteaArrayLiteral(kept), ...put, gone]
}

/** The last mutation of each signature, those that put and those that delete, each in the order of the signatures. */
export function mutationColumns(mutations: readonly RowMutation[]): {
  readonly put: readonly [signatures: string, contents: string]
  readonly gone: string
} {
  const last = new Map(mutations.map(({ signature, data }) => [signature, data]))
  const inOrder = [...last].sort(([a], [b]) => (a < b ? -1 : 1))
  const put = inOrder.flatMap(([signature, data]) => (data === undefined ? [] : [{ signature, data }]))
  const gone = inOrder.flatMap(([signature, data]) => (data === undefined ? [storedNumber(signature)] : []))
  return {
    put: [
      arrayLiteral(put.map(({ signature }) => storedNumber(signature))), byteaArrayLiteral(put.map(({ data }) => data)),
    ],
    gone: arrayLiteral(gone),
  }
}

/** True where the numbers that are left are too few for these results. */
export function isExhausted({ sequence }: FeedState, { results }: FeedCommit): boolean {
  return sequence > MAX_ASSIGNED - BigInt(results.length)
}

function storedNumber(value: bigint): string {
  return orderedI64(value).toString()
}
