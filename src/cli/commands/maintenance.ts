/** `waybill maintenance`: removes what is old enough, once or every hour until it is told to stop. */
import { Command, Option } from 'commander'
import { describeError } from '../../core/errors.js'
import type { MaintenanceReport } from '../../maintenance/report.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import type { Io } from '../io.js'
import { countText } from '../message-view.js'
import { duration, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { Progress } from '../progress.js'
import {
  agesOf, nameOf, printReport, reportDocument, withRetentionOptions, type RetentionFlags,
} from '../retention-flags.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags, RetentionFlags {
  readonly once?: boolean
  readonly dryRun?: boolean
  readonly every: number
  readonly stopTimeout: number
}

export function maintenanceCommand(context: Context): Command {
  const command = withRetentionOptions(new Command('maintenance')
    .description('remove what is old enough, of every kind by its own age, until SIGTERM or SIGINT')
    .option('--once', 'one pass, and no waiting for the next')
    .option('--dry-run', 'count what one pass would remove, and remove nothing')
    .addOption(new Option('--every <duration>', 'from the end of a pass to the next').argParser(duration)
      .default(3_600_000, '1h')), true)
    .addOption(new Option('--stop-timeout <duration>', 'how long a stop waits for the batch under way')
      .argParser(duration).default(30_000, '30s'))
    .addHelpText('after', `
An age is 12h or 7d; \`never\` keeps the kind. By default 7 days, and a day for delivered messages. Of several
processes one does the work. The exit code is 1 when a kind could not be removed, 130 when a pass was cut short.`)
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const output = context.output(flags)
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) => {
      const once = flags.once === true || flags.dryRun === true
      return once ? runOnce(waybill, flags, output, context.io) : runUntilStopped(waybill, flags, output, context.io)
    }))
  })
}

async function runOnce(waybill: Connected, flags: Flags, output: Output, io: Io): Promise<ExitCode> {
  const progress = new Progress(output, io.now)
  return untilStopped(io, async (signal) => {
    const maintenance = waybill.maintenance({
      olderThanMs: agesOf(flags), signal,
      onBatch: ({ kind, removedSoFar }) => (
        progress.at(() => `${countText(removedSoFar)} ${nameOf(kind)} removed so far`)),
    })
    try {
      const report = await maintenance.runOnce({ dryRun: flags.dryRun })
      tell(output, report)
      return report.state === 'stopped' ? EXIT.interrupted : failedOf(report) ? EXIT.failed : EXIT.ok
    } finally {
      await maintenance.stop()
    }
  })
}

async function runUntilStopped(waybill: Connected, flags: Flags, output: Output, io: Io): Promise<ExitCode> {
  const maintenance = waybill.maintenance({
    olderThanMs: agesOf(flags), intervalMs: flags.every,
    onReport: (report) => tell(output, report),
    onError: (error, kind) => output.errorLine(
      `${kind === undefined ? 'the pass failed' : `${nameOf(kind)} failed`}: ${describeError(error)}`),
  })
  // Fails now, and not in a loop, when the schema is missing or the database is not there.
  await waybill.outbox.list({ limit: 1 })
  return untilStopped(io, async (signal) => {
    await maintenance.start()
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener('abort', () => resolve(), { once: true })
    })
    const { abandoned } = await maintenance.stop({ timeoutMs: flags.stopTimeout })
    return abandoned ? EXIT.failed : EXIT.ok
  })
}

function tell(output: Output, report: MaintenanceReport): void {
  if (output.json) return output.document(reportDocument(report, output))
  if (report.state === 'standby') return output.line('another process does the maintenance')
  printReport(output, report)
  output.line(`${countText(report.removed)} ${report.dryRun ? 'would go' : 'removed'}`
    + `${report.state === 'stopped' ? ', interrupted' : ''}`)
}

function failedOf({ kinds }: MaintenanceReport): boolean {
  return kinds.some(({ error }) => error !== undefined)
}
