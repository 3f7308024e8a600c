/** `waybill pause` and `waybill resume`: stops the claims of a lane, or of one target of it, in every process. */
import { Command } from 'commander'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { covers, queueDocument, queueName } from '../queues.js'
import type { PausedQueue } from '../../outbox/contract.js'

type Flags = DatabaseFlags & { readonly lane: string; readonly target?: string }

export function pauseCommand(context: Context): Command {
  return settingCommand(context, 'pause', 'claim nothing more of a lane, in every process, until `resume`')
}

export function resumeCommand(context: Context): Command {
  return settingCommand(context, 'resume', 'claim again what `pause` stopped')
}

function settingCommand(context: Context, action: 'pause' | 'resume', description: string): Command {
  const command = new Command(action).description(description)
    .requiredOption('--lane <lane>', 'the lane')
    .option('--target <target>', 'only this target of it (default: the whole lane)')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const output = context.output(flags)
    const queue: PausedQueue = { lane: flags.lane, target: flags.target }
    const { paused } = await withConnection(context.io, flags, async ({ waybill: { outbox } }) => {
      await outbox[action](queue)
      return outbox.settings()
    })
    tell(output, action, queue, paused)
  })
}

/** A lane and its targets are paused apart from each other, so a resume may leave something paused. */
function tell(
  output: Output, action: 'pause' | 'resume', queue: PausedQueue, paused: readonly PausedQueue[],
): void {
  const still = action === 'pause' ? [] : paused.filter((each) => covers(each, queue) || covers(queue, each))
  if (output.json) {
    return output.document({
      ...queueDocument(queue), paused: action === 'pause' || still.some((each) => covers(each, queue)),
      stillPaused: still.map(queueDocument),
    })
  }
  output.line(`${action === 'pause' ? 'paused' : 'resumed'} ${oneLine(queueName(queue))}`)
  for (const each of still) {
    const name = each.target === undefined ? `all of ${each.lane}` : queueName(each)
    output.line(output.styled('yellow', `still paused: ${oneLine(name)}`))
  }
}
