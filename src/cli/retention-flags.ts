/** The flags by which commands are told how old each kind is when it goes, and how what went is shown. */
import { Option, type Command } from 'commander'
import { MAINTAINED_KINDS, type MaintainedKind, type RetentionAge } from '../maintenance/chores.js'
import type { KindReport, MaintenanceReport } from '../maintenance/report.js'
import { describeError } from '../core/errors.js'
import { countText } from './message-view.js'
import { age } from './options.js'
import type { Output } from './output.js'
import { printTable } from './table.js'

const WHAT: Readonly<Record<MaintainedKind, readonly [flag: string, name: string, about: string]>> = {
  delivered: ['delivered', 'delivered messages', 'messages delivered at least this long ago: 12h, 7d'],
  deadLetters: ['dead', 'dead letters', 'messages that became dead letters at least this long ago'],
  dedupeKeys: ['dedupe', 'dedupe keys', 'dedupe keys whose message left at least this long ago'],
  journal: ['journal', 'journal events', 'events appended at least this long ago, passed by every follower'],
  deadEvents: ['dead-events', 'dead events', 'events that a publisher gave up at least this long ago'],
  deadResults: ['dead-results', 'dead results', 'results that a subscriber gave up at least this long ago'],
  heapEntries: ['heap', 'heap entries', 'entries of heaps that failed last at least this long ago'],
  inbox: ['inbox', 'inbox records', 'records of messages processed at least this long ago'],
}

/** As commander names them. */
type Flag = 'deliveredOlderThan' | 'deadOlderThan' | 'dedupeOlderThan' | 'journalOlderThan' | 'deadEventsOlderThan'
  | 'deadResultsOlderThan' | 'heapOlderThan' | 'inboxOlderThan'

const FLAGS: Readonly<Record<MaintainedKind, Flag>> = {
  delivered: 'deliveredOlderThan', deadLetters: 'deadOlderThan', dedupeKeys: 'dedupeOlderThan',
  journal: 'journalOlderThan', deadEvents: 'deadEventsOlderThan', deadResults: 'deadResultsOlderThan',
  heapEntries: 'heapOlderThan', inbox: 'inboxOlderThan',
}

export type RetentionFlags = Readonly<Partial<Record<Flag, RetentionAge>>>

/** `mayKeep`: an age may be `never`. */
export function withRetentionOptions(command: Command, mayKeep: boolean): Command {
  const read = (value: string): RetentionAge => (mayKeep && value === 'never' ? value : age(value))
  for (const kind of MAINTAINED_KINDS) {
    const [flag, , about] = WHAT[kind]
    command.addOption(new Option(`--${flag}-older-than <age>`, about).argParser(read))
  }
  return command
}

/** Those that were given. */
export function agesOf(flags: RetentionFlags): Partial<Record<MaintainedKind, RetentionAge>> {
  const given = MAINTAINED_KINDS.map((kind) => [kind, flags[FLAGS[kind]]] as const)
  return Object.fromEntries(given.filter(([, each]) => each !== undefined))
}

/** The same, and all others are kept. */
export function onlyAgesOf(flags: RetentionFlags): Record<MaintainedKind, RetentionAge> {
  const ages = agesOf(flags)
  return Object.fromEntries(MAINTAINED_KINDS.map((kind) => [kind, ages[kind] ?? 'never'])) as
    Record<MaintainedKind, RetentionAge>
}

export function nameOf(kind: MaintainedKind): string {
  return WHAT[kind][1]
}

/** What is written as JSON of a report. */
export function reportDocument(report: MaintenanceReport, output: Output): object {
  return {
    ...report, durationMs: Math.round(report.durationMs),
    kinds: report.kinds.map(({ durationMs, error, overdueMs = null, ...kind }) => ({
      ...kind, overdueMs, durationMs: Math.round(durationMs),
      error: error === undefined ? null : output.masked(describeError(error)),
    })),
  }
}

export function printReport(output: Output, { kinds, dryRun }: MaintenanceReport): void {
  printTable(output, [
    { title: 'kind' }, { title: 'older than', align: 'right' },
    { title: dryRun ? 'would go' : 'removed', align: 'right' },
    { title: 'overdue', align: 'right' }, { title: 'note', shrinksTo: 12 },
  ], kinds.map((kind) => [
    nameOf(kind.kind), ageText(kind.olderThanMs), `${countText(kind.removed)}${kind.more ? ' or more' : ''}`,
    kind.overdueMs === undefined ? '?' : kind.overdueMs === 0 ? '-' : ageText(kind.overdueMs), noteOf(kind, output),
  ]))
}

function noteOf({ error, heldBackBy }: KindReport, output: Output): string {
  if (error !== undefined) return output.masked(describeError(error))
  return heldBackBy.length === 0 ? '' : `held back by ${heldBackBy.join(', ')}`
}

const UNITS = [['d', 86_400_000], ['h', 3_600_000], ['m', 60_000], ['s', 1_000]] as const

/** In its largest unit, with at most one digit behind the point. */
function ageText(ms: number): string {
  const [unit, size] = UNITS.find(([, least]) => ms >= least) ?? ['ms', 1] as const
  return `${Math.round((ms / size) * 10) / 10}${unit}`
}
