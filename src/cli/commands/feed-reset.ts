/** `waybill feed reset`: empties a feed, which begins anew. */
import { Command } from 'commander'
import { usageError } from '../cli-error.js'
import type { Context } from '../context.js'
import { feedDocument } from '../feed-view.js'
import { withFeeds } from '../feeds.js'
import { withFeedOptions, type DatabaseFlags } from '../options.js'
import { oneLine } from '../printable.js'

interface Flags extends DatabaseFlags {
  readonly yes?: boolean
  readonly scope?: string
}

export function feedResetCommand(context: Context): Command {
  const command = new Command('reset').description('empty a feed: no rows, no results, and subscribers are told')
    .argument('<name>', 'the feed')
    .option('--yes', 'needed: its rows and results are gone until its producer commits them again')
    .option('--scope <scope>', 'of this tenant')
  return withFeedOptions(command).action(async (name: string, flags: Flags) => {
    if (flags.yes !== true) {
      throw usageError('reset removes the rows and results of the feed and needs --yes',
        'look at it with `waybill feed list`, then add --yes')
    }
    const output = context.output(flags)
    const state = await withFeeds(context.io, flags, async (feeds) => (await feeds.find(name, flags.scope)).reset())
    if (output.json) output.document({ ...feedDocument(state), reset: true })
    else output.line(oneLine(`reset ${name}, now ${state.incarnation}`))
  })
}
