/** `waybill dead`: what became of messages that could not be delivered, and what is to become of them. */
import { Command } from 'commander'
import type { Context } from '../context.js'
import { deadListCommand } from './dead-list.js'
import { deadPurgeCommand } from './dead-purge.js'
import { deadResolveCommand } from './dead-resolve.js'
import { deadShowCommand } from './dead-show.js'

export function deadCommand(context: Context): Command {
  return new Command('dead').description('list, show, redrive, discard and purge dead letters')
    .addCommand(deadListCommand(context))
    .addCommand(deadShowCommand(context))
    .addCommand(deadResolveCommand(context, 'redrive'))
    .addCommand(deadResolveCommand(context, 'discard'))
    .addCommand(deadPurgeCommand(context))
}
