/** `waybill stats`: how many messages are in which state, by lane and target; with `--watch`, again and again. */
import { Command } from 'commander'
import { monotonicMs, pause } from '../../core/environment.js'
import { usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import type { Io } from '../io.js'
import { LiveFrame } from '../live-frame.js'
import {
  integer, interval, withCommonOptions, withDatabaseOptions, withQueueOptions, type DatabaseFlags, type QueueFlags,
} from '../options.js'
import type { Output } from '../output.js'
import { QueueRates } from '../queue-rates.js'
import { queueLines } from '../queue-table.js'
import { queueDocument, readQueues } from '../queues.js'
import { untilStopped } from '../stopping.js'

type Flags = DatabaseFlags & QueueFlags & {
  readonly watch?: boolean; readonly interval?: number; readonly count?: number
}

const DEFAULT_INTERVAL_MS = 2_000

export function statsCommand(context: Context): Command {
  const command = withQueueOptions(new Command('stats')
    .description('count messages by lane, target and state'))
    .option('--watch', 'again and again, with rates, until SIGINT or SIGTERM')
    .option('--interval <duration>', 'how often to look, with --watch (default: 2s)', interval)
    .option('--count <ticks>', 'end after so many looks, with --watch', integer(1, 1_000_000_000))
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    if (flags.watch !== true && (flags.interval !== undefined || flags.count !== undefined)) {
      throw usageError('--interval and --count go with --watch', 'add --watch')
    }
    const output = context.output(flags)
    await withConnection(context.io, flags, ({ waybill }) => flags.watch === true
      ? untilStopped(context.io, (stopped) => watch(waybill, flags, { io: context.io, output, stopped }))
      : once(waybill, flags, output))
  })
}

async function once(waybill: Connected, flags: Flags, output: Output): Promise<void> {
  const found = await readQueues(waybill, flags)
  if (output.json) output.document({ queues: found.queues, paused: found.paused.map(queueDocument) })
  else for (const line of queueLines(found, output)) output.line(line)
}

interface Place {
  readonly io: Io
  readonly output: Output
  readonly stopped: AbortSignal
}

async function watch(waybill: Connected, flags: Flags, { io, output, stopped }: Place): Promise<void> {
  const { interval: everyMs = DEFAULT_INTERVAL_MS, count = Infinity } = flags
  const rates = new QueueRates()
  const frame = new LiveFrame(io)
  for (let tick = 1; ; tick += 1) {
    const startedMs = monotonicMs()
    const found = await readQueues(waybill, flags)
    const queues = rates.look(found.queues, monotonicMs())
    if (output.json) output.document({ at: io.now(), queues, paused: found.paused.map(queueDocument) })
    else {
      const lines = queueLines({ ...found, queues }, output)
      if (io.isTerminal) frame.draw(lines)
      else [...lines, ''].forEach((line) => output.line(line))
    }
    if (tick >= count || stopped.aborted) return
    await pause(Math.max(0, everyMs - (monotonicMs() - startedMs)), stopped)
    if (stopped.aborted) return
  }
}
