/** `waybill journal replay`: has a publisher publish again. Without `--yes` it only counts. */
import { Command, InvalidArgumentError } from 'commander'
import type { Replay, ReplayFrom } from '../../journal/publishers.js'
import { usageError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { findPublisher, viewOf } from '../journal-view.js'
import { countText } from '../message-view.js'
import { sequence, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags {
  readonly fromStart?: boolean
  readonly fromHead?: boolean
  readonly cursor?: string
  readonly since?: number
  readonly stream?: string
  readonly sequence?: bigint
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly scope?: string
}

export function journalReplayCommand(context: Context): Command {
  const command = new Command('replay').description('have a publisher publish again from a place on')
    .argument('<name>', 'the publisher')
    .option('--from-start', 'everything')
    .option('--from-head', 'nothing of what is there: only what comes later')
    .option('--cursor <cursor>', 'what comes behind a cursor')
    .option('--since <time>', 'from the first event of this time on: 2026-01-31T12:00:00Z, or milliseconds', time)
    .option('--stream <stream>', 'only this stream, from --sequence on')
    .option('--sequence <sequence>', 'the first number of --stream', sequence)
    .option('--dry-run', 'count, and move nothing: what is done without --yes')
    .option('--yes', 'do it')
    .option('--scope <scope>', 'only this tenant')
  return withDatabaseOptions(withCommonOptions(command)).action(async (name: string, flags: Flags) => {
    const from = fromOf(flags)
    const dryRun = flags.dryRun === true || flags.yes !== true
    const output = context.output(flags)
    const progress = new Progress(output, context.io.now)
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) =>
      untilStopped(context.io, async (signal) => {
        const view = viewOf(waybill, flags.scope)
        await findPublisher(view, name)
        const replay = await view.publishers.replay(name, {
          from, dryRun, signal, onProgress: (read) => progress.at(() => `${countText(read)} events read so far`),
        })
        return tell(output, replay, dryRun, signal.aborted && !replay.moved)
      })))
  })
}

function fromOf({ fromStart, fromHead, cursor, since, stream, sequence: number }: Flags): ReplayFrom {
  if ((stream === undefined) !== (number === undefined)) {
    throw usageError('--stream and --sequence go together', 'add the other one')
  }
  const [from, more]: readonly (ReplayFrom | undefined)[] = [
    ...(fromStart === true ? ['earliest' as const] : []),
    ...(fromHead === true ? ['head' as const] : []),
    ...(cursor === undefined ? [] : [{ cursor }]),
    ...(since === undefined ? [] : [{ time: since }]),
    ...(stream === undefined || number === undefined ? [] : [{ stream, sequence: number }]),
  ]
  if (from !== undefined && more === undefined) return from
  throw usageError(from === undefined ? 'no place is named to publish from' : 'only one place can be published from',
    'pass one of --from-start, --from-head, --cursor, --since, or --stream with --sequence')
}

function tell(output: Output, replay: Replay, dryRun: boolean, interrupted: boolean): ExitCode {
  const { events, hasMore, moved, released } = replay
  if (output.json) output.document({ events, hasMore, moved, released, dryRun, interrupted })
  else {
    const counted = `${countText(events)}${hasMore ? ' or more' : ''} ${events === 1 ? 'event' : 'events'}`
    if (interrupted) output.line(`${counted}, interrupted; nothing was moved`)
    else if (moved) output.line(`${counted} to be published again`)
    else output.line(`${counted} would be published again${dryRun ? '; add --yes to do it' : ''}`)
    if (released > 0) {
      const go = moved ? 'are' : 'would be'
      output.line(output.styled('yellow',
        `held streams that ${go} let go: ${countText(released)}; what waits in them before that place is lost`))
    }
  }
  return interrupted ? EXIT.interrupted : EXIT.ok
}

function time(value: string): number {
  const ms = /^\d+$/.test(value) ? Number(value) : /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN
  if (Number.isSafeInteger(ms) && ms >= 0) return ms
  throw new InvalidArgumentError('Write it as 2026-01-31T12:00:00Z, or in milliseconds since 1970.')
}
