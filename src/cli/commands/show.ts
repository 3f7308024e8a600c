/** `waybill show <id>` and `waybill dead show <id>`: one message with everything it has. */
import { Command } from 'commander'
import type { OutboxStatus } from '../../outbox/message.js'
import { CliError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { printMessage } from '../message-page.js'
import { messageDocument } from '../message-view.js'
import { withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'

type Flags = DatabaseFlags & { readonly raw?: boolean }

export function showCommand(context: Context): Command {
  return showing(context, 'show one message with what happened to it, its payload and its headers', undefined)
}

export function deadShowCommand(context: Context): Command {
  return showing(context, 'show one dead letter with every failed attempt', 'dead_letter')
}

function showing(context: Context, description: string, wanted: OutboxStatus | undefined): Command {
  const command = new Command('show').description(description)
    .argument('<id>', 'the id of the message, as `list` prints it')
    .option('--raw', 'write the bytes of the payload and nothing else')
  return withDatabaseOptions(withCommonOptions(command)).action(async (id: string, flags: Flags) => {
    await show(context, id, flags, wanted)
  })
}

async function show(
  context: Context, id: string, flags: Flags, wanted: OutboxStatus | undefined,
): Promise<void> {
  const output = context.output(flags)
  const { message, failures } = await withConnection(context.io, flags, async ({ waybill: { outbox } }) => {
    const found = await outbox.get(id)
    const skipped = found === undefined || flags.raw === true
    return { message: found, failures: skipped ? [] : await outbox.failures(id) }
  })
  if (message === undefined) {
    throw new CliError('NOT_FOUND', `there is no message ${id}`, {
      next: 'find its id with `waybill list`; delivered messages leave after a day by default',
    })
  }
  if (wanted !== undefined && message.status !== wanted) {
    throw new CliError('NOT_DEAD', `message ${id} is no dead letter; it is ${message.status}`, {
      next: 'see it with `waybill show`',
    })
  }
  if (flags.raw === true) output.bytes(message.payload)
  else if (output.json) output.document(messageDocument(message, failures, (text) => output.masked(text)))
  else printMessage(output, message, failures)
}
