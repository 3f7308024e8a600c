/** What a case of the result log works with: an empty log, and the moves most cases make. */
import assert from 'node:assert/strict'
import type { ResultLog } from '../../feeds/contract.js'
import { bytesOf, FEED, textOf } from './names.js'
import type { OpenedResultLog } from './options.js'

export class LogContext {
  readonly opened: OpenedResultLog<unknown>
  log: ResultLog

  constructor(opened: OpenedResultLog<unknown>) {
    this.opened = opened
    this.log = opened.log
  }

  write<T>(work: (tx: unknown) => Promise<T>): Promise<T> {
    return this.opened.transaction(work)
  }

  put(sequence: bigint | number, text = `r${sequence}`, feed = FEED): Promise<void> {
    return this.write((tx) => this.log.append(tx, feed, BigInt(sequence), bytesOf(text)))
  }

  async putAll(sequences: Iterable<bigint | number>, feed = FEED): Promise<void> {
    for (const sequence of sequences) await this.put(sequence, undefined, feed)
  }

  trim(capacity: number, feed = FEED): Promise<number> {
    return this.write((tx) => this.log.trimToCapacity(tx, feed, capacity))
  }

  clear(feed = FEED): Promise<void> {
    return this.write((tx) => this.log.clear(tx, feed))
  }

  async read(after: bigint | number = 0, { limit = 1_000, feed = FEED } = {}): Promise<[bigint, string][]> {
    const entries = await this.log.readFrom(feed, BigInt(after), limit)
    return entries.map(({ sequence, data }) => [sequence, textOf(data)])
  }

  /** Also that each has the text that `put` gives it. */
  async numbers(after: bigint | number = 0, feed = FEED): Promise<bigint[]> {
    const entries = await this.read(after, { feed })
    assert.deepEqual(entries, entries.map(([sequence]) => [sequence, `r${sequence}`]))
    return entries.map(([sequence]) => sequence)
  }

  /** As after a restart. */
  async reopen(): Promise<void> {
    this.log = await this.opened.reopen?.() ?? assert.fail('it cannot be opened anew')
  }

  close(): Promise<void> {
    return this.opened.close()
  }
}
