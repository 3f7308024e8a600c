/** `waybill journal`: what happened, who follows it, and from where it is published again. */
import { Command } from 'commander'
import type { Context } from '../context.js'
import { journalAppendCommand } from './journal-append.js'
import { journalPruneCommand } from './journal-prune.js'
import { journalPublishersCommand } from './journal-publishers.js'
import { journalReadCommand } from './journal-read.js'
import { journalRebaseCommand } from './journal-rebase.js'
import { journalReplayCommand } from './journal-replay.js'
import { journalStreamsCommand } from './journal-streams.js'

export function journalCommand(context: Context): Command {
  return new Command('journal').description('read, append to and follow streams of events, and move their publishers')
    .addCommand(journalStreamsCommand(context))
    .addCommand(journalReadCommand(context))
    .addCommand(journalAppendCommand(context))
    .addCommand(journalPublishersCommand(context))
    .addCommand(journalReplayCommand(context))
    .addCommand(journalRebaseCommand(context))
    .addCommand(journalPruneCommand(context))
}
