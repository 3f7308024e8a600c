/** `waybill dead list`: dead letters of all sources, a page at a time, or counted by what went wrong. */
import { Command } from 'commander'
import type { DeadLetter } from '../../deadletters/dead-letter.js'
import { usageError } from '../cli-error.js'
import type { Context } from '../context.js'
import {
  filterOf, letterDocument, ownerText, subjectText, withDeadLetterOptions, withDeadLetters, type DeadFlags,
} from '../dead-letters.js'
import { ageText, countText } from '../message-view.js'
import { integer } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { printTable, type Column } from '../table.js'

type Flags = DeadFlags & { readonly limit: number; readonly after?: string; readonly group?: boolean }

const COLUMNS: readonly Column[] = [
  { title: 'ID', shrinksTo: 22 },
  { title: 'SOURCE' },
  { title: 'OF', shrinksTo: 10, widest: 40 },
  { title: 'WHAT', shrinksTo: 10, widest: 60 },
  { title: 'TRIES', align: 'right' },
  { title: 'DIED', align: 'right' },
  { title: 'LAST ERROR', shrinksTo: 12, widest: 120 },
]

export function deadListCommand(context: Context): Command {
  const command = withDeadLetterOptions(new Command('list').description('list dead letters of all sources'))
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <place>', 'only those behind this place, for the next page')
    .option('--group', 'by what went wrong, the most frequent first')
  return command.action(async (flags: Flags) => {
    await (flags.group === true ? group(context, flags) : list(context, flags))
  })
}

async function list(context: Context, flags: Flags): Promise<void> {
  const { limit, after: cursor } = flags
  const output = context.output(flags)
  const { deadLetters, next } = await withDeadLetters(context.io, flags, (all) => (
    all.list({ ...filterOf(flags), limit, cursor })))
  if (output.json) {
    const documents = deadLetters.map((letter) => letterDocument(letter, (text) => output.masked(text)))
    return output.document({ deadLetters: documents, next: next ?? null })
  }
  if (deadLetters.length === 0) return output.line('no dead letters')
  printTable(output, COLUMNS, deadLetters.map((letter) => rowOf(letter, context.io.now(), output)))
  if (next !== undefined) output.line(output.styled('dim', oneLine(`more: --after '${next}'`)))
}

const GROUP_COLUMNS: readonly Column[] = [
  { title: 'COUNT', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'EXAMPLE', shrinksTo: 12 },
  { title: 'ERROR', shrinksTo: 12, widest: 300 },
]

async function group(context: Context, flags: Flags): Promise<void> {
  if (flags.after !== undefined) throw usageError('--after does not go with --group', 'leave one of them out')
  const output = context.output(flags)
  const found = await withDeadLetters(context.io, flags, (all) => (
    all.groups({ ...filterOf(flags), limit: flags.limit })))
  const groups = found.groups.map((each) => ({ ...each, error: output.masked(each.error) }))
  if (output.json) return output.document({ ...found, groups })
  if (groups.length === 0) return output.line('no dead letters')
  const age = (ms: number): string => `${ageText(context.io.now() - ms)} ago`
  printTable(output, GROUP_COLUMNS, groups.map(({ count, first, last, example, error }) =>
    [countText(count), age(first), age(last), example, error]))
  if (found.omitted > 0) output.line(output.styled('dim', `and ${countText(found.omitted)} other errors`))
  if (found.isPartial) output.line(output.styled('dim', `of the first ${countText(found.scanned)} dead letters`))
}

function rowOf(letter: DeadLetter, now: number, output: Output): string[] {
  const { id, source, attempts, diedAt, error } = letter
  return [
    id, source, ownerText(letter), subjectText(letter), countText(attempts), `${ageText(now - diedAt)} ago`,
    output.masked(error),
  ]
}
