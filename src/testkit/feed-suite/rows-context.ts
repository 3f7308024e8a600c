/** What a case of the live results works with: no rows, and the moves most cases make. */
import assert from 'node:assert/strict'
import type { LiveResults, RowMutation } from '../../feeds/contract.js'
import { bytesOf, FEED, textOf } from './names.js'
import type { OpenedLiveResults } from './options.js'

/** A signature, and what becomes of its row; null deletes it. */
export type Mutation = readonly [signature: bigint | number, text: string | null]

export class RowsContext {
  readonly opened: OpenedLiveResults<unknown>
  live: LiveResults

  constructor(opened: OpenedLiveResults<unknown>) {
    this.opened = opened
    this.live = opened.live
  }

  write<T>(work: (tx: unknown) => Promise<T>): Promise<T> {
    return this.opened.transaction(work)
  }

  apply(mutations: readonly Mutation[], feed = FEED): Promise<void> {
    return this.write((tx) => this.live.applyMutations(tx, feed, mutationsOf(mutations)))
  }

  clear(feed = FEED): Promise<void> {
    return this.write((tx) => this.live.clear(tx, feed))
  }

  /** By signature; also that they are as many as are counted. */
  async rows(feed = FEED, pageSize = 1_000): Promise<[bigint, string][]> {
    const rows = new Map<bigint, string>()
    for await (const page of this.live.readSnapshot(feed, pageSize)) {
      assert.ok(page.length <= pageSize, `${page.length} rows in a page of ${pageSize}`)
      for (const { signature, data } of page) rows.set(signature, textOf(data))
    }
    assert.equal(await this.live.rowCount(feed), rows.size)
    return bySignature(rows)
  }

  /** As after a restart. */
  async reopen(): Promise<void> {
    this.live = await this.opened.reopen?.() ?? assert.fail('it cannot be opened anew')
  }

  close(): Promise<void> {
    return this.opened.close()
  }
}

export function mutationsOf(mutations: readonly Mutation[]): RowMutation[] {
  return mutations.map(([signature, text]) => (
    { signature: BigInt(signature), data: text === null ? undefined : bytesOf(text) }))
}

export function bySignature(rows: Iterable<readonly [bigint, string]>): [bigint, string][] {
  return [...rows].map(([signature, text]): [bigint, string] => [signature, text])
    .sort(([a], [b]) => (a < b ? -1 : 1))
}
