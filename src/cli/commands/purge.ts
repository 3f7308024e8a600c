/** `waybill purge`: removes what is old enough, in transactions of a bounded size, until there is no more. */
import { Command } from 'commander'
import type { RetentionAge } from '../../maintenance/chores.js'
import type { PurgeResult } from '../../outbox/contract.js'
import type { PurgeOptions } from '../../outbox/outbox.js'
import { usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { countText } from '../message-view.js'
import { integer, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { Progress } from '../progress.js'
import {
  agesOf, onlyAgesOf, printReport, reportDocument, withRetentionOptions, type RetentionFlags,
} from '../retention-flags.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags, RetentionFlags {
  readonly limit?: number
  readonly scope?: string
  readonly dryRun?: boolean
}

const MAX_LIMIT = 100_000
const DEFAULT_LIMIT = 1_000
const KINDS = ['delivered', 'deadLetters', 'dedupeKeys'] as const
const NOTHING: PurgeResult = { delivered: 0, deadLetters: 0, dedupeKeys: 0 }

export function purgeCommand(context: Context): Command {
  const command = withRetentionOptions(
    new Command('purge').description('remove what is old, of the kinds that are named, until there is no more'), false)
    .option('--limit <count>', `how many of each per transaction, up to ${MAX_LIMIT} (default: ${DEFAULT_LIMIT})`,
      integer(1, MAX_LIMIT))
    .option('--scope <scope>', 'only this tenant: of messages and dedupe keys')
    .option('--dry-run', 'count what would go, and remove nothing; of all kinds at their default ages if none is named')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const output = context.output(flags)
    const { scope, dryRun = false } = flags
    const ages = agesOf(flags)
    const kinds = Object.keys(ages)
    if (kinds.length === 0 && !dryRun) {
      throw usageError('nothing is named to be removed',
        'pass --delivered-older-than, --dead-older-than, … or --dry-run')
    }
    const isOfMessages = kinds.length > 0 && kinds.every((kind) => (KINDS as readonly string[]).includes(kind))
    if (!isOfMessages && scope !== undefined) {
      throw usageError('--scope is for messages and dedupe keys', 'leave it out, or name only these')
    }
    if (!isOfMessages) {
      return context.exitWith(await withConnection(context.io, flags, ({ waybill }) =>
        untilStopped(context.io, (stopped) => purgeKinds(waybill, flags, { output, stopped }))))
    }
    const options: PurgeOptions & { limit: number } = {
      deliveredOlderThanMs: ageOf(ages.delivered), deadOlderThanMs: ageOf(ages.deadLetters),
      dedupeOlderThanMs: ageOf(ages.dedupeKeys), scope, dryRun,
      // A count cannot go on where the last one ended, so it is made at once.
      limit: flags.limit ?? (dryRun ? MAX_LIMIT : DEFAULT_LIMIT),
    }
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) => dryRun
      ? count(waybill, options, output)
      : untilStopped(context.io, (stopped) =>
          remove(waybill, options, { output, stopped, progress: new Progress(output, context.io.now) }))))
  })
}

function ageOf(age: RetentionAge | undefined): number | undefined {
  return age === 'never' ? undefined : age
}

/** Whoever names kinds wants them removed now, also beside a maintenance that another process does. */
async function purgeKinds(
  waybill: Connected, flags: Flags, { output, stopped }: Pick<Way, 'output' | 'stopped'>,
): Promise<ExitCode> {
  const isNamed = Object.keys(agesOf(flags)).length > 0
  const maintenance = waybill.maintenance({
    olderThanMs: isNamed ? onlyAgesOf(flags) : {}, signal: stopped, share: 0.1,
    ...(flags.limit === undefined ? {} : { maxBatch: flags.limit }),
  })
  const report = await maintenance.runOnce({ dryRun: flags.dryRun, beside: true })
  await maintenance.stop()
  if (output.json) output.document(reportDocument(report, output))
  else printReport(output, report)
  if (report.state === 'stopped') return EXIT.interrupted
  return report.kinds.some(({ error }) => error !== undefined) ? EXIT.failed : EXIT.ok
}

async function count(
  { outbox }: Connected, options: PurgeOptions & { limit: number }, output: Output,
): Promise<ExitCode> {
  const counts = await outbox.purge(options)
  const more = isFull(counts, options.limit)
  if (output.json) output.document({ ...counts, dryRun: true, more })
  else output.line(`${textOf(counts)} would go${more ? ', or more: a count ends at the limit' : ''}`)
  return EXIT.ok
}

interface Way {
  readonly output: Output
  readonly stopped: AbortSignal
  readonly progress: Progress
}

async function remove(
  { outbox }: Connected, options: PurgeOptions & { limit: number }, { output, stopped, progress }: Way,
): Promise<ExitCode> {
  let total = NOTHING
  let interrupted = false
  for (;;) {
    const round = await outbox.purge(options)
    total = sum(total, round)
    if (!isFull(round, options.limit)) break
    interrupted = stopped.aborted
    if (interrupted) break
    progress.at(() => `${textOf(total)} removed so far`)
  }
  if (output.json) output.document({ ...total, dryRun: false, interrupted })
  else output.line(`${textOf(total)} removed${interrupted ? ', interrupted' : ''}`)
  return interrupted ? EXIT.interrupted : EXIT.ok
}

/** Only a round that took all it may can have left something. */
function isFull(counts: PurgeResult, limit: number): boolean {
  return KINDS.some((kind) => counts[kind] >= limit)
}

function sum(a: PurgeResult, b: PurgeResult): PurgeResult {
  return {
    delivered: a.delivered + b.delivered, deadLetters: a.deadLetters + b.deadLetters,
    dedupeKeys: a.dedupeKeys + b.dedupeKeys,
  }
}

function textOf({ delivered, deadLetters, dedupeKeys }: PurgeResult): string {
  return `${countText(delivered)} delivered, ${countText(deadLetters)} dead, ${countText(dedupeKeys)} dedupe keys`
}
