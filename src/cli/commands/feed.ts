/** `waybill feed`: results that are kept up to date, their last changes, and who follows them. */
import { Command } from 'commander'
import type { Context } from '../context.js'
import { feedListCommand } from './feed-list.js'
import { feedResetCommand } from './feed-reset.js'
import { feedSnapshotCommand } from './feed-snapshot.js'
import { feedSubscribersCommand } from './feed-subscribers.js'
import { feedTailCommand } from './feed-tail.js'

export function feedCommand(context: Context): Command {
  return new Command('feed').description('look at feeds and their subscribers, follow them, and begin them anew')
    .addCommand(feedListCommand(context))
    .addCommand(feedSnapshotCommand(context))
    .addCommand(feedTailCommand(context))
    .addCommand(feedResetCommand(context))
    .addCommand(feedSubscribersCommand(context))
}
