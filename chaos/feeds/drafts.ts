/** What a producer commits: results of a few changes, some of nothing, and what subscribers read out of them again. */
import type { Change, ChangeDraft, FeedSnapshot } from 'waybill'
import type { SeededRandom } from 'waybill/testkit'
import type { RowChange } from './history/events.js'
import { FEEDS, PRODUCER } from './plan.js'

/** A row of a feed. */
export interface Row {
  readonly key: string
  readonly value: string
  /** The producer's name of the result that made it so. */
  readonly result: string
}

export interface DraftedResult {
  readonly result: string
  readonly changes: readonly RowChange[]
  readonly drafts: readonly ChangeDraft[]
}

/** Some feeds, in their order, with what is committed to each. */
export function draftFeeds(random: SeededRandom, tx: string): Map<string, readonly DraftedResult[]> {
  const count = random.integer(1, PRODUCER.mostFeeds)
  const chosen = new Set(Array.from({ length: count }, () => FEEDS[random.integer(0, FEEDS.length - 1)] ?? ''))
  return new Map(FEEDS.filter((feed) => chosen.has(feed)).map((feed) => [feed, draftResults(random, tx, feed)]))
}

function draftResults(random: SeededRandom, tx: string, feed: string): DraftedResult[] {
  if (random.next() < PRODUCER.onlyNoops) return [{ result: `${tx}/${feed}/0`, changes: [], drafts: [{ op: 'noop' }] }]
  return Array.from({ length: random.integer(1, PRODUCER.mostResults) }, (_, number) => (
    draftResult(random, `${tx}/${feed}/${number}`)))
}

function draftResult(random: SeededRandom, result: string): DraftedResult {
  const changes = Array.from({ length: random.integer(1, PRODUCER.mostChanges) }, (_, number): RowChange => {
    const key = `row-${random.integer(1, PRODUCER.keys)}`
    return [key, random.next() < PRODUCER.deletes ? null : `${result}:${number}`]
  })
  const noops: readonly ChangeDraft[] = random.next() < PRODUCER.noops ? [{ op: 'noop' }] : []
  return { result, changes, drafts: [...noops, ...changes.map((change) => changeDraft(result, change))] }
}

/** Deletions name their result in the row as it was. */
export function changeDraft(result: string, [key, value]: RowChange): ChangeDraft {
  return value === null
    ? { op: 'delete', key, before: { key, value: '', result } satisfies Row }
    : { op: 'update', key, after: { key, value, result } satisfies Row }
}

/** As it was drafted, from what a subscriber got. */
export function readChanges(changes: readonly Change[]): { readonly result: string; readonly changes: RowChange[] } {
  const real = changes.filter(({ op }) => op !== 'noop')
  const rows = real.map(({ before, after }) => (after ?? before) as Row)
  return {
    result: rows[0]?.result ?? 'nothing',
    changes: real.map(({ op }, index): RowChange => {
      const { key = '', value = '' } = rows[index] ?? {}
      return [key, op === 'delete' ? null : value]
    }),
  }
}

/** Of each row the last that is given counts, and one without a value is taken back. `onRow` is called at each. */
export async function rowsOf(snapshot: FeedSnapshot, onRow?: () => void): Promise<RowChange[]> {
  const rows = new Map<bigint, Row>()
  for await (const { signature, value } of snapshot.rows) {
    if (value === undefined) rows.delete(signature)
    else rows.set(signature, value as Row)
    onRow?.()
  }
  return [...rows.values()].map(({ key, value }): RowChange => [key, value])
}
