/** `waybill show <id>`: one message with everything it has. */
import { Command } from 'commander'
import type { OutboxMessage } from '../../outbox/message.js'
import { CliError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { maskSecrets } from '../masking.js'
import { messageDocument, payloadLines, timeText } from '../message-view.js'
import { withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'

type Flags = DatabaseFlags & { readonly raw?: boolean }

export function showCommand(context: Context): Command {
  const command = new Command('show').description('show one message with its payload and headers')
    .argument('<id>', 'the id of the message, as `list` prints it')
    .option('--raw', 'write the bytes of the payload and nothing else')
  return withDatabaseOptions(withCommonOptions(command)).action(async (id: string, flags: Flags) => {
    await show(context, id, flags)
  })
}

async function show(context: Context, id: string, flags: Flags): Promise<void> {
  const output = context.output(flags)
  const message = await withConnection(context.io, flags, ({ waybill }) => waybill.outbox.get(id))
  if (message === undefined) {
    throw new CliError('NOT_FOUND', `there is no message ${id}`, {
      next: 'find its id with `waybill list`; delivered messages leave after a day by default',
    })
  }
  if (flags.raw === true) output.bytes(message.payload)
  else if (output.json) output.document(messageDocument(message))
  else print(output, message)
}

function print(output: Output, message: OutboxMessage): void {
  const fields = fieldsOf(message).filter((field): field is [string, string] => field[1] !== undefined)
  const width = Math.max(...fields.map(([name]) => name.length))
  for (const [name, value] of fields) {
    output.line(`${output.styled('bold', name.padEnd(width))}  ${oneLine(value)}`)
  }
  output.line()
  for (const line of payloadLines(message)) output.line(line)
}

function fieldsOf(message: OutboxMessage): [string, string | undefined][] {
  const { leaseExpiresAt, lastError } = message
  return [
    ['id', message.id],
    ['status', message.status],
    ['type', message.type],
    ['scope', message.scope],
    ['lane', message.lane],
    ['target', message.target],
    ['key', message.key],
    ['dedupe key', message.dedupeKey],
    ['attempts', `${message.attemptCount} of ${message.maxAttempts}`],
    ['last error', lastError === undefined ? undefined : maskSecrets(lastError)],
    ['claimed by', message.claimedBy],
    ['lease until', leaseExpiresAt === undefined ? undefined : timeText(leaseExpiresAt)],
    ['available', timeText(message.availableAt)],
    ['created', timeText(message.createdAt)],
    ['updated', timeText(message.updatedAt)],
    ...Object.entries(message.headers).map((header): [string, string] => ['header', header.join(': ')]),
    ['payload', `${message.payload.byteLength} bytes, ${message.contentType}`],
  ]
}
