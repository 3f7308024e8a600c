/** `waybill dead show <id>`: one dead letter with everything that is kept of it. */
import { Command } from 'commander'
import { parseDeadLetterId } from '../../deadletters/dead-letter.js'
import { CliError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { detailsDocument, printDetails, withDeadLetters } from '../dead-letters.js'
import { withFeedOptions, type DatabaseFlags } from '../options.js'
import { showMessage } from './show.js'

type Flags = DatabaseFlags & { readonly raw?: boolean }

export function deadShowCommand(context: Context): Command {
  const command = new Command('show').description('show one dead letter with what is kept of its failures')
    .argument('<id>', 'its id, as `dead list` prints it')
    .option('--raw', 'write the bytes of the payload and nothing else')
  return withFeedOptions(command).action(async (id: string, flags: Flags) => {
    if (parseDeadLetterId(id).source !== 'outbox') return show(context, id, flags)
    await withConnection(context.io, flags, ({ waybill }) => showMessage(context, waybill, id, flags, 'dead_letter'))
  })
}

async function show(context: Context, id: string, flags: Flags): Promise<void> {
  const output = context.output(flags)
  const details = await withDeadLetters(context.io, flags, (all) => all.get(id))
  if (details === undefined) {
    throw new CliError('NOT_FOUND', `there is no dead letter ${id}`, {
      next: 'see those there are with `waybill dead list`; what is given up again has another number',
    })
  }
  if (flags.raw !== true) {
    if (output.json) output.document(detailsDocument(details, (text) => output.masked(text)))
    else printDetails(output, details)
    return
  }
  if (details.payload === undefined) {
    throw new CliError('NO_PAYLOAD', `dead letter ${id} has no payload`, { next: 'look at it without --raw' })
  }
  output.bytes(details.payload)
}
