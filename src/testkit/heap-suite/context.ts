/** What a case works with: empty heaps seen by two processes, a clock, and the moves most cases make. */
import assert from 'node:assert/strict'
import type { DlqHeap, HeapEntry, HeapListOptions, HeapRecord } from '../../deadletters/heap.js'
import { rejectsWith } from '../outbox-suite/context.js'
import type { StoreCase } from '../store-suite.js'
import { TestClock } from '../test-clock.js'
import type { OpenedHeaps, OpenHeapSettings } from './options.js'


export { rejectsWith }

export interface HeapCase extends StoreCase<HeapContext> {
  /** What the opened heaps must have for it. */
  readonly needs?: 'confirm' | 'list' | 'names' | 'purge' | 'setFailures'
}

export const NAME = 'mailer'
export const LEASE_MS = 300_000
export const MAX_FAILURES = 2_147_483_647

type Open = (settings: OpenHeapSettings) => Promise<OpenedHeaps>

export class HeapContext {
  readonly clock: TestClock
  readonly opened: OpenedHeaps
  readonly heap: DlqHeap
  /** The same heap, as another process has it. */
  readonly other: DlqHeap
  readonly #open: Open
  readonly #more: OpenedHeaps[] = []

  static async create(open: Open): Promise<HeapContext> {
    const clock = new TestClock()
    return new HeapContext(open, clock, await open({ now: clock.now }))
  }

  private constructor(open: Open, clock: TestClock, opened: OpenedHeaps) {
    this.#open = open
    this.clock = clock
    this.opened = opened
    this.heap = opened.open(NAME, LEASE_MS)
    this.other = opened.openOther(NAME, LEASE_MS)
  }

  /** Empty heaps that follow their own clock. */
  async openByOwnClock(): Promise<OpenedHeaps> {
    const opened = await this.#open({})
    this.#more.push(opened)
    return opened
  }

  async close(): Promise<void> {
    for (const opened of [this.opened, ...this.#more]) await opened.close()
  }

  lacks(need: HeapCase['needs']): string | undefined {
    if (need === 'confirm' && this.heap.confirmDrained === undefined) return 'drains of this heap are not confirmed'
    if (need === 'list' && this.heap.list === undefined) return 'this heap has no list'
    if (need === 'names' && this.opened.nextHeap === undefined) return 'the names of these heaps are not listed'
    if (need === 'purge' && this.opened.purge === undefined) return 'this heap is not purged'
    return need === 'setFailures' && this.opened.setFailures === undefined ? 'its counts cannot be set' : undefined
  }

  /** So many times, from both processes in turn. */
  async fail(id: string, times: number, error?: string): Promise<void> {
    for (let n = 0; n < times; n += 1) await (n % 2 === 0 ? this.heap : this.other).recordFailure(id, error)
  }

  async list(options: HeapListOptions = {}): Promise<readonly HeapRecord[]> {
    return await this.heap.list?.(options) ?? assert.fail('this heap has no list')
  }

  async purge(options: Parameters<NonNullable<OpenedHeaps['purge']>>[0]): Promise<number> {
    return await this.opened.purge?.(options) ?? assert.fail('this heap is not purged')
  }

  /** What is in the heap, by another drain once the leases are over. */
  async left(): Promise<Readonly<Record<string, number>>> {
    this.clock.advance(LEASE_MS)
    return countsOf(await this.opened.open(NAME, 1).drainExceeded(1))
  }
}

export async function confirm(heap: DlqHeap, ids: readonly string[]): Promise<void> {
  assert.ok(heap.confirmDrained !== undefined)
  await heap.confirmDrained(ids)
}

/** By VALIDATION that names the field. */
export async function refused(field: string, work: () => Promise<unknown>): Promise<void> {
  const { details } = await rejectsWith('VALIDATION', work)
  assert.equal(details['field'], field)
}

export function idsOf(entries: readonly HeapEntry[]): readonly string[] {
  return entries.map(({ id }) => id)
}

/** By id, whatever the order; an id that is there twice fails. */
export function countsOf(entries: readonly HeapEntry[]): Readonly<Record<string, number>> {
  assert.equal(new Set(idsOf(entries)).size, entries.length, 'an id is there twice')
  return Object.fromEntries(entries.map(({ id, failures }) => [id, failures]))
}
