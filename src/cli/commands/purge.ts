/** `waybill purge`: removes what is old enough, in transactions of a bounded size, until there is no more. */
import { Command } from 'commander'
import type { PurgeResult } from '../../outbox/contract.js'
import type { PurgeOptions } from '../../outbox/outbox.js'
import { usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { countText } from '../message-view.js'
import { age, integer, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags {
  readonly deliveredOlderThan?: number
  readonly deadOlderThan?: number
  readonly dedupeOlderThan?: number
  readonly limit?: number
  readonly scope?: string
  readonly dryRun?: boolean
}

const MAX_LIMIT = 100_000
const DEFAULT_LIMIT = 1_000
const KINDS = ['delivered', 'deadLetters', 'dedupeKeys'] as const
const NOTHING: PurgeResult = { delivered: 0, deadLetters: 0, dedupeKeys: 0 }

export function purgeCommand(context: Context): Command {
  const command = new Command('purge').description('remove old messages and dedupe keys, until there are no more')
    .option('--delivered-older-than <age>', 'messages delivered at least this long ago: 12h, 7d', age)
    .option('--dead-older-than <age>', 'messages that became dead letters at least this long ago', age)
    .option('--dedupe-older-than <age>', 'dedupe keys whose message left at least this long ago', age)
    .option('--limit <count>', `how many of each per transaction, up to ${MAX_LIMIT} (default: ${DEFAULT_LIMIT})`,
      integer(1, MAX_LIMIT))
    .option('--scope <scope>', 'only this tenant')
    .option('--dry-run', 'count what would go, and remove nothing')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const { deliveredOlderThan, deadOlderThan, dedupeOlderThan, scope, dryRun = false } = flags
    if ([deliveredOlderThan, deadOlderThan, dedupeOlderThan].every((each) => each === undefined)) {
      throw usageError('nothing is named to be removed',
        'pass --delivered-older-than, --dead-older-than or --dedupe-older-than')
    }
    const output = context.output(flags)
    const options: PurgeOptions & { limit: number } = {
      deliveredOlderThanMs: deliveredOlderThan, deadOlderThanMs: deadOlderThan, dedupeOlderThanMs: dedupeOlderThan,
      // A count cannot go on where the last one ended, so it is made at once.
      limit: flags.limit ?? (dryRun ? MAX_LIMIT : DEFAULT_LIMIT), scope, dryRun,
    }
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) => dryRun
      ? count(waybill, options, output)
      : untilStopped(context.io, (stopped) =>
          remove(waybill, options, { output, stopped, progress: new Progress(output, context.io.now) }))))
  })
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
