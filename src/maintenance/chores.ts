/**
 * What ages in a store, and how some of it is removed: a chore for each kind that the store has. What is not here is
 * bounded by itself: a feed's log by its capacity, a subscriber's checkpoints by its feeds.
 */
import {
  DEFAULT_DEAD_RETENTION_MS, DEFAULT_DEDUPE_RETENTION_MS, DEFAULT_INBOX_RETENTION_MS, DEFAULT_JOURNAL_RETENTION_MS,
  DEFAULT_RETAIN_DELIVERED_MS,
} from '../core/limits.js'
import type { HeapStore } from '../deadletters/contract.js'
import type { CheckpointStore } from '../feeds/checkpoints.js'
import type { InboxStore } from '../inbox/contract.js'
import type { JournalStore } from '../journal/contract.js'
import type { SavedOffsets } from '../journal/offset-store.js'
import type { ProgressStore } from '../journal/progress.js'
import { Retention } from '../journal/retention.js'
import type { OutboxStore, PurgeRequest } from '../outbox/contract.js'

/** In the order in which they take turns. */
export const MAINTAINED_KINDS = [
  'delivered', 'deadLetters', 'dedupeKeys', 'journal', 'deadEvents', 'deadResults', 'heapEntries', 'inbox',
] as const

/**
 * - `delivered`: messages, by the time of their delivery.
 * - `deadLetters`: of the outbox, by the time they died. One that closed its key in a `block` lane opens it.
 * - `dedupeKeys`: by the time their message left the store.
 * - `journal`: events, by the time they were appended, that every follower has passed.
 * - `deadEvents`: what publishers gave up, `deadResults`: what subscribers gave up, each by that time.
 * - `heapEntries`: by their last failure.
 * - `inbox`: records, by the time of their message.
 */
export type MaintainedKind = (typeof MAINTAINED_KINDS)[number]

/** In milliseconds; 0 for whatever there is. */
export type RetentionAge = number | 'never'

/** What a maintenance looks after: a `Store`, or whatever has some of its halves, such as a `RedisStore`. */
export interface MaintainedStore {
  readonly name: string
  readonly outbox?: OutboxStore | undefined
  readonly retainDeliveredMs?: number | undefined
  readonly journal?: JournalStore | undefined
  readonly progress?: ProgressStore | undefined
  readonly savedOffsets?: SavedOffsets | undefined
  readonly checkpoints?: CheckpointStore | undefined
  readonly heaps?: HeapStore | undefined
  readonly inbox?: InboxStore | undefined
}

export interface ChoreBatch {
  /** Above the chore's own age. */
  readonly extraMs: number
  readonly limit: number
  /** Counts what the call would remove, and removes nothing. */
  readonly dryRun: boolean
  readonly signal: AbortSignal | undefined
}

export interface ChoreResult {
  /** Or would be. */
  readonly removed: number
  /** There may be more. */
  readonly more: boolean
  /** Followers of the journal that keep events which are old enough, the one that is furthest behind first. */
  readonly heldBackBy?: readonly string[]
}

export interface Chore {
  readonly store: string
  readonly kind: MaintainedKind
  readonly olderThanMs: number
  /** Whether it takes long to count. */
  readonly isCostly: boolean
  remove(batch: ChoreBatch): Promise<ChoreResult>
}

/** Validated. */
export interface ChoreAges {
  readonly kinds: Partial<Readonly<Record<MaintainedKind, RetentionAge>>>
  /** Of the inbox, by consumer. */
  readonly consumers: Readonly<Record<string, RetentionAge>>
}

export function choresOf(store: MaintainedStore, ages: ChoreAges): readonly Chore[] {
  return MAINTAINED_KINDS.flatMap((kind) => {
    const olderThanMs = ages.kinds[kind] ?? defaultAge(kind, store)
    const remove = removal(kind, store, olderThanMs, ages.consumers)
    return remove === undefined ? []
      : [{
        store: store.name, kind, olderThanMs: leastAge(kind, olderThanMs, ages), isCostly: kind === 'journal', remove,
      }]
  })
}

/** What the report names where consumers have ages of their own. */
function leastAge(kind: MaintainedKind, age: RetentionAge, { consumers }: ChoreAges): number {
  const all = kind === 'inbox' ? [age, ...Object.values(consumers)] : [age]
  return Math.min(...all.filter((each) => each !== 'never'))
}

function defaultAge(kind: MaintainedKind, store: MaintainedStore): number {
  switch (kind) {
    // Whoever lists them for longer says so where the store is made.
    case 'delivered': return store.retainDeliveredMs ?? DEFAULT_RETAIN_DELIVERED_MS
    case 'dedupeKeys': return DEFAULT_DEDUPE_RETENTION_MS
    case 'journal': return DEFAULT_JOURNAL_RETENTION_MS
    case 'inbox': return DEFAULT_INBOX_RETENTION_MS
    default: return DEFAULT_DEAD_RETENTION_MS
  }
}

type Remove = Chore['remove']

/** Undefined where the store has none of the kind, or all of it is kept. */
function removal(
  kind: MaintainedKind, store: MaintainedStore, ageMs: RetentionAge, consumers: ChoreAges['consumers'],
): Remove | undefined {
  if (kind === 'inbox') return store.inbox && inboxRemoval(store.inbox, ageMs, consumers)
  if (ageMs === 'never') return undefined
  const { outbox, journal, progress, checkpoints, heaps } = store
  switch (kind) {
    case 'delivered': return outbox && outboxRemoval(outbox, ageMs, 'deliveredOlderThanMs', 'delivered')
    case 'deadLetters': return outbox && outboxRemoval(outbox, ageMs, 'deadOlderThanMs', 'deadLetters')
    case 'dedupeKeys': return outbox && outboxRemoval(outbox, ageMs, 'dedupeOlderThanMs', 'dedupeKeys')
    case 'journal': return journal && journalRemoval(journal, store, ageMs)
    case 'deadEvents': return progress && counted(ageMs, (r) => progress.purgeDead({ publisher: undefined, ...r }))
    case 'deadResults':
      return checkpoints && counted(ageMs, (r) => checkpoints.purgeDead({ subscriber: undefined, ...r }))
    case 'heapEntries': return heaps && counted(ageMs, (r) => heaps.purge({ heap: undefined, ...r }))
  }
}

function counted(
  ageMs: number,
  purge: (request: { readonly olderThanMs: number; readonly limit: number; readonly dryRun: boolean }) =>
  Promise<number>,
): Remove {
  return async ({ extraMs, limit, dryRun }) => {
    const removed = await purge({ olderThanMs: ageMs + extraMs, limit, dryRun })
    return { removed, more: removed >= limit }
  }
}

const NO_AGES = { deliveredOlderThanMs: undefined, deadOlderThanMs: undefined, dedupeOlderThanMs: undefined }

function outboxRemoval(
  outbox: OutboxStore, ageMs: number, age: keyof typeof NO_AGES, count: 'delivered' | 'deadLetters' | 'dedupeKeys',
): Remove {
  return counted(ageMs, async ({ olderThanMs, ...rest }) => {
    const request: PurgeRequest = { ...NO_AGES, ...rest, [age]: olderThanMs, scope: undefined }
    return (await outbox.purge(request))[count]
  })
}

function inboxRemoval(
  inbox: InboxStore, ageMs: RetentionAge, consumers: ChoreAges['consumers'],
): Remove | undefined {
  const named = Object.entries(consumers)
  const parts = [
    ...named.map(([consumer, age]) => ({ consumer, exceptConsumers: [], age })),
    { consumer: undefined, exceptConsumers: named.map(([consumer]) => consumer), age: ageMs },
  ].flatMap(({ age, ...part }) => (age === 'never' ? [] : [{ ...part, age }]))
  if (parts.length === 0) return undefined
  return async ({ extraMs, limit, dryRun }) => {
    let removed = 0
    for (const { age, ...part } of parts) {
      if (removed >= limit) break
      removed += await inbox.purge({
        ...part, olderThanMs: age + extraMs, limit: limit - removed, dryRun, scope: undefined,
      })
    }
    return { removed, more: removed >= limit }
  }
}

/** It has batches of its own, and takes all that may go. */
function journalRemoval(journal: JournalStore, store: MaintainedStore, ageMs: number): Remove {
  const retention = new Retention(journal, { progress: store.progress, offsets: store.savedOffsets })
  return async ({ extraMs, dryRun, signal }) => {
    const { removed, remaining, heldBackBy } =
      await retention.prune({ olderThanMs: ageMs + extraMs, dryRun, signal })
    return { removed: dryRun ? remaining : removed, more: !dryRun && remaining > 0, heldBackBy }
  }
}
