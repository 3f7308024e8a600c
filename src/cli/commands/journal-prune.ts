/** `waybill journal prune`: removes events that every follower has passed. */
import { Command } from 'commander'
import type { PruneReport } from '../../journal/retention.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { countText } from '../message-view.js'
import { age, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags {
  readonly olderThan?: number
  readonly force?: boolean
  readonly dryRun?: boolean
}

export function journalPruneCommand(context: Context): Command {
  const command = new Command('prune').description('remove old events that every follower has passed')
    .option('--older-than <age>', 'events appended at least this long ago: 12h, 30d (default: 7d)', age)
    .option('--force', 'whether or not followers have passed them; says what each loses')
    .option('--dry-run', 'count what would go, and remove nothing')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const { olderThan, force = false, dryRun = false } = flags
    const output = context.output(flags)
    const progress = new Progress(output, context.io.now)
    const [report, interrupted] = await withConnection(context.io, flags, ({ waybill }) =>
      untilStopped(context.io, async (stopped) => {
        const done = await waybill.journal.prune({
          ...(olderThan !== undefined && { olderThanMs: olderThan }), force, dryRun, signal: stopped,
          onProgress: (removed) => progress.at(() => `${countText(removed)} events removed so far`),
        })
        return [done, stopped.aborted] as const
      }))
    print(report, { dryRun, interrupted }, output)
    context.exitWith(interrupted ? EXIT.interrupted : EXIT.ok)
  })
}

interface How {
  readonly dryRun: boolean
  readonly interrupted: boolean
}

function print(report: PruneReport, how: How, output: Output): void {
  const { removed, remaining, isBusy, upTo, heldBackBy, lost } = report
  if (output.json) return output.document({ removed, remaining, isBusy, upTo: String(upTo), heldBackBy, lost, ...how })
  output.line(how.dryRun ? `${countText(remaining)} events would go`
    : `${countText(removed)} events removed${how.interrupted ? ', interrupted' : ''}`)
  if (heldBackBy.length > 0) output.line(oneLine(`held back by ${heldBackBy.join(', ')}`))
  for (const { publisher, events, hasMore } of lost) {
    const count = `${countText(events)}${hasMore ? ' or more' : ''}`
    output.line(oneLine(`${publisher} ${how.dryRun ? 'would lose' : 'has lost'} ${count} events`))
  }
  if (isBusy) output.line(`${countText(remaining)} events are in somebody's way; run it again to go on`)
}
