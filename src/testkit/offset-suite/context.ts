/** What a case works with: a fresh database, and processes that have offset stores on it. */
import assert from 'node:assert/strict'
import type { OffsetStore } from '../../journal/offset-store.js'
import type { StoreCase } from '../store-suite.js'
import type { OffsetFault, OpenedOffsets } from './options.js'

export { outcomeOf, rejectsWith } from '../outbox-suite/context.js'

export interface OffsetCase extends StoreCase<OffsetContext> {
  /** Needs `spoil`. */
  readonly spoils?: true
}

export const NAME = 'mailer'

export interface ContextOptions {
  readonly open: () => Promise<OpenedOffsets>
  readonly histories: number
  readonly seed: number
}

export class OffsetContext {
  readonly opened: OpenedOffsets
  readonly options: ContextOptions
  /** Each save is a transaction of its own, so none is ever open beside another. */
  readonly store = { capabilities: { concurrentTransactions: true } }

  static async create(options: ContextOptions): Promise<OffsetContext> {
    return new OffsetContext(options, await options.open())
  }

  private constructor(options: ContextOptions, opened: OpenedOffsets) {
    this.options = options
    this.opened = opened
  }

  seeds(): number[] {
    return Array.from({ length: this.options.histories }, (_, n) => this.options.seed + n)
  }

  process(name = NAME): OffsetProcess {
    return new OffsetProcess(this.opened, name)
  }

  /** A process that has taken over. */
  async owner(name = NAME): Promise<OffsetProcess> {
    const process = this.process(name)
    await process.load()
    return process
  }

  /** What a process that comes now is told. It takes over. */
  async saved(name = NAME): Promise<Record<string, bigint>> {
    return this.process(name).load()
  }

  close(): Promise<void> {
    return this.opened.close()
  }
}

/** A store object, with the faults of its next writes, and how many it has made. */
export class OffsetProcess {
  readonly store: OffsetStore
  readonly faults: OffsetFault[] = []
  writes = 0

  constructor(opened: OpenedOffsets, name: string) {
    this.store = opened.open(name, () => {
      this.writes += 1
      return this.faults.shift() ?? 'none'
    })
  }

  async load(): Promise<Record<string, bigint>> {
    return toRecord(await this.store.load())
  }

  save(offsets: Readonly<Record<string, bigint>>): Promise<void> {
    return this.store.save(new Map(Object.entries(offsets)))
  }
}

/** Without a prototype, for streams of any name. */
export function toRecord(offsets: ReadonlyMap<string, bigint>): Record<string, bigint> {
  assert.ok([...offsets.values()].every((offset) => typeof offset === 'bigint'), 'offsets are bigints')
  const record = Object.create(null) as Record<string, bigint>
  for (const [key, offset] of offsets) record[key] = offset
  return record
}

/** To compare with what `load` answers, whatever the order. */
export function expected(offsets: Readonly<Record<string, bigint>>): Record<string, bigint> {
  return toRecord(new Map(Object.entries(offsets)))
}
