/** `waybill show <id>`: one message with everything it has. */
import { Command } from 'commander'
import type { OutboxStatus } from '../../outbox/message.js'
import { CliError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { printMessage } from '../message-page.js'
import { messageDocument, NO_PAST } from '../message-view.js'
import { withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'

type Flags = DatabaseFlags & { readonly raw?: boolean }

export function showCommand(context: Context): Command {
  const command = new Command('show')
    .description('show one message with what happened to it, its payload and its headers')
    .argument('<id>', 'the id of the message, as `list` prints it')
    .option('--raw', 'write the bytes of the payload and nothing else')
  return withDatabaseOptions(withCommonOptions(command)).action(async (id: string, flags: Flags) => {
    await withConnection(context.io, flags, ({ waybill }) => showMessage(context, waybill, id, flags))
  })
}

/** @throws NOT_FOUND; NOT_DEAD where the message is not as wanted. */
export async function showMessage(
  context: Context, { outbox }: Connected, id: string, flags: Flags, wanted?: OutboxStatus,
): Promise<void> {
  const output = context.output(flags)
  const message = await outbox.get(id)
  const skipped = message === undefined || flags.raw === true
  const past = skipped ? NO_PAST : { failures: await outbox.failures(id), edits: await outbox.edits(id) }
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
  else if (output.json) output.document(messageDocument(message, past, (text) => output.masked(text)))
  else printMessage(output, message, past)
}
