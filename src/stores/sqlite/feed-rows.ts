/** Feeds as their rows hold them. */
import type { SqlRow } from '../../core/sql.js'
import { fromOrderedI64 } from '../../core/u64.js'
import type { LiveRow, LogEntry } from '../../feeds/contract.js'
import type { FeedState } from '../../feeds/result.js'
import { toBytes } from './outbox-rows.js'

export function toState(row: SqlRow): FeedState {
  return {
    feed: String(row['feed']), incarnation: String(row['incarnation']), configHash: String(row['config_hash']),
    sequence: BigInt(row['sequence'] as bigint), first: BigInt(row['first'] as bigint),
    capacity: Number(row['capacity']),
  }
}

export function toEntry(row: SqlRow): LogEntry {
  return { sequence: fromOrderedI64(BigInt(row['sequence'] as bigint)), data: toBytes(row['data']) }
}

export function toLiveRow(row: SqlRow): LiveRow {
  return { signature: fromOrderedI64(BigInt(row['signature'] as bigint)), data: toBytes(row['data']) }
}
