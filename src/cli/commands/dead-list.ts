/** `waybill dead list`: dead letters, oldest first, a page at a time. */
import { Command } from 'commander'
import type { OutboxMessage } from '../../outbox/message.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { ageText, messageSummary } from '../message-view.js'
import {
  integer, withCommonOptions, withDatabaseOptions, withQueueOptions, type DatabaseFlags, type QueueFlags,
} from '../options.js'
import type { Output } from '../output.js'
import { tableLines, type Column } from '../table.js'

type Flags = DatabaseFlags & QueueFlags & { readonly key?: string; readonly limit: number; readonly after?: string }

const COLUMNS: readonly Column[] = [
  { title: 'ID', shrinksTo: 12 },
  { title: 'LANE/TARGET', shrinksTo: 12, widest: 40 },
  { title: 'TYPE', shrinksTo: 10, widest: 40 },
  { title: 'KEY', shrinksTo: 6, widest: 30 },
  { title: 'TRIES', align: 'right' },
  { title: 'DIED', align: 'right' },
  { title: 'LAST ERROR', shrinksTo: 12, widest: 120 },
]

export function deadListCommand(context: Context): Command {
  const command = withQueueOptions(new Command('list').description('list dead letters, oldest first'))
    .option('--key <key>', 'only this key')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <id>', 'only those behind this id, for the next page')
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    await list(context, flags)
  })
}

async function list(context: Context, flags: Flags): Promise<void> {
  const { lane, target, key, scope, limit, after } = flags
  const output = context.output(flags)
  const messages = await withConnection(context.io, flags, ({ waybill }) =>
    waybill.outbox.list({ status: 'dead_letter', lane, target, key, scope, limit, after }))
  const next = messages.length === limit ? messages.at(-1)?.id : undefined
  if (output.json) {
    const summaries = messages.map((message) => ({
      ...messageSummary(message, (text) => output.masked(text)), diedAt: message.updatedAt,
    }))
    output.document({ messages: summaries, next: next ?? null })
  } else print(output, messages, next, context.io.now())
}

function print(
  output: Output, messages: readonly OutboxMessage[], next: string | undefined, now: number,
): void {
  if (messages.length === 0) return output.line('no dead letters')
  const [titles = '', ...lines] = tableLines(COLUMNS, messages.map((each) => rowOf(each, now, output)), output.width)
  output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
  if (next !== undefined) output.line(output.styled('dim', `more: --after ${next}`))
}

/** A dead letter changes no more, so its last change is its death. */
function rowOf(message: OutboxMessage, now: number, output: Output): string[] {
  const { id, lane, target, type, key = '-', attemptCount, maxAttempts, updatedAt, lastError = '' } = message
  return [
    id, `${lane}/${target}`, type, key, `${attemptCount}/${maxAttempts}`, `${ageText(now - updatedAt)} ago`,
    output.masked(lastError),
  ]
}
