/** `waybill journal rebase`: starts a publisher anew, in a restored journal or to follow something else. */
import { Command } from 'commander'
import type { Follow } from '../../journal/follow.js'
import { usageError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { findPublisher, followText, viewOf } from '../journal-view.js'
import { several, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import { oneLine } from '../printable.js'

interface Flags extends DatabaseFlags {
  readonly to: string
  readonly followAll?: boolean
  readonly followStream?: readonly string[]
  readonly followTag?: readonly string[]
  readonly yes?: boolean
  readonly scope?: string
}

export function journalRebaseCommand(context: Context): Command {
  const command = new Command('rebase').description('start a publisher anew, where it may also follow something else')
    .argument('<name>', 'the publisher')
    .requiredOption('--to <place>', 'start, head, or a cursor')
    .option('--follow-all', 'it follows everything from now on')
    .option('--follow-stream <stream>', 'it follows this stream; may be repeated', several)
    .option('--follow-tag <tag>', 'it follows this tag; may be repeated', several)
    .option('--yes', 'needed: its progress and its held streams are gone')
    .option('--scope <scope>', 'only this tenant')
  return withDatabaseOptions(withCommonOptions(command)).action(async (name: string, flags: Flags) => {
    const follow = followOf(flags)
    if (flags.yes !== true) {
      throw usageError('rebase gives up the progress of the publisher and needs --yes',
        'look at it with `waybill journal publishers`, then add --yes')
    }
    const { to } = flags
    const output = context.output(flags)
    const after = await withConnection(context.io, flags, async ({ waybill }) => {
      const view = viewOf(waybill, flags.scope)
      await findPublisher(view, name)
      await view.publishers.rebase(name, {
        to: to === 'start' ? 'earliest' : to === 'head' ? to : { cursor: to }, ...(follow !== undefined && { follow }),
      })
      return findPublisher(view, name)
    })
    if (output.json) output.document({ name, follow: after.follow, rebased: true })
    else output.line(oneLine(`rebased ${name}, which follows ${followText(after.follow)}`))
  })
}

function followOf({ followAll, followStream: streams, followTag: tags }: Flags): Follow | undefined {
  const [follow, more]: readonly (Follow | undefined)[] = [
    ...(followAll === true ? ['all' as const] : []),
    ...(streams === undefined ? [] : [{ streams }]),
    ...(tags === undefined ? [] : [{ tags }]),
  ]
  if (more === undefined) return follow
  throw usageError('--follow-all, --follow-stream and --follow-tag exclude each other', 'keep one kind')
}
