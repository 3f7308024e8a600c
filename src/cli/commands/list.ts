/** `waybill list`: messages, oldest first, a page at a time. */
import { Command } from 'commander'
import type { OutboxMessage } from '../../outbox/message.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { ageText, messageSummary, type Mask } from '../message-view.js'
import {
  integer, withCommonOptions, withDatabaseOptions, withFilterOptions, type DatabaseFlags, type FilterFlags,
} from '../options.js'
import type { Output } from '../output.js'
import { tableLines, type Column } from '../table.js'

type Flags = DatabaseFlags & FilterFlags & { readonly limit: number; readonly after?: string }

const COLUMNS: readonly Column[] = [
  { title: 'ID', shrinksTo: 12 },
  { title: 'STATUS' },
  { title: 'TYPE', shrinksTo: 10, widest: 40 },
  { title: 'LANE/TARGET', shrinksTo: 12, widest: 40 },
  { title: 'TRIES', align: 'right' },
  { title: 'AGE', align: 'right' },
  { title: 'LAST ERROR', shrinksTo: 12, widest: 120 },
]

export function listCommand(context: Context): Command {
  const command = withFilterOptions(new Command('list').description('list messages, oldest first'))
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <id>', 'only those behind this id, for the next page')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    await list(context, flags)
  })
}

async function list(context: Context, flags: Flags): Promise<void> {
  const { status, lane, target, key, scope, limit, after } = flags
  const output = context.output(flags)
  const messages = await withConnection(context.io, flags, ({ waybill }) =>
    waybill.outbox.list({ status, lane, target, key, scope, limit, after }))
  // A full page may have a successor; a page with less is the last.
  const next = messages.length === limit ? messages.at(-1)?.id : undefined
  if (output.json) {
    const mask: Mask = (text) => output.masked(text)
    output.document({ messages: messages.map((each) => messageSummary(each, mask)), next: next ?? null })
  } else print(output, messages, next, context.io.now())
}

function print(
  output: Output, messages: readonly OutboxMessage[], next: string | undefined, now: number,
): void {
  if (messages.length === 0) return output.line('no messages')
  const rows = messages.map((message) => rowOf(message, now, output))
  const [titles = '', ...lines] = tableLines(COLUMNS, rows, output.width)
  output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
  if (next !== undefined) output.line(output.styled('dim', `more: --after ${next}`))
}

function rowOf(message: OutboxMessage, now: number, output: Output): string[] {
  const { id, status, type, lane, target, attemptCount, maxAttempts, createdAt, lastError = '' } = message
  return [
    id, status, type, `${lane}/${target}`, `${attemptCount}/${maxAttempts}`, ageText(now - createdAt),
    output.masked(lastError),
  ]
}
