/** `waybill journal publishers`: who follows the journal, how far each is, and what it holds and gave up. */
import { Command } from 'commander'
import type { PublisherStatus } from '../../journal/publishers.js'
import { CliError, usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import {
  deadDocument, findPublisher, followText, heldDocument, publisherDocument, slotsIn, viewOf,
} from '../journal-view.js'
import { ageText, countText } from '../message-view.js'
import { integer, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { printTable, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly dead?: boolean
  readonly forget?: boolean
  readonly yes?: boolean
  readonly limit: number
  readonly after?: string
  readonly scope?: string
}

const PUBLISHERS: readonly Column[] = [
  { title: 'PUBLISHER', shrinksTo: 12 }, { title: 'FOLLOWS', shrinksTo: 10, widest: 60 },
  { title: 'MEMBERS', align: 'right' }, { title: 'PARTS', align: 'right' }, { title: 'HELD', align: 'right' },
  { title: 'DEAD', align: 'right' },
]
const PARTS: readonly Column[] = [
  { title: 'PART', align: 'right' }, { title: 'SLOTS', align: 'right' }, { title: 'OWNER', shrinksTo: 12 },
  { title: 'LEASE', align: 'right' }, { title: 'TERM', align: 'right' },
]
const HELD: readonly Column[] = [
  { title: 'HELD STREAM', shrinksTo: 12 }, { title: 'SCOPE', shrinksTo: 8, widest: 40 },
  { title: 'FROM', align: 'right' }, { title: 'TO', align: 'right' }, { title: 'TRIES', align: 'right' },
  { title: 'AGAIN IN', align: 'right' }, { title: 'ERROR', shrinksTo: 12, widest: 120 },
]
const DEAD: readonly Column[] = [
  { title: 'ID', shrinksTo: 12 }, { title: 'STREAM', shrinksTo: 12, widest: 40 }, { title: 'SEQUENCE', align: 'right' },
  { title: 'TYPE', shrinksTo: 10, widest: 40 }, { title: 'TRIES', align: 'right' }, { title: 'DIED', align: 'right' },
  { title: 'ERROR', shrinksTo: 12, widest: 120 },
]

export function journalPublishersCommand(context: Context): Command {
  const command = new Command('publishers').description('list publishers, or show one with what it holds')
    .argument('[name]', 'only this one, with its parts and held streams')
    .option('--dead', 'the events that it gave up, the latest last')
    .option('--forget', 'forget it with all that is stored of it')
    .option('--yes', 'needed with --forget: its progress is gone')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <place>', 'only those behind this name, or dead letter number, for the next page')
    .option('--scope <scope>', 'only this tenant')
  return withDatabaseOptions(withCommonOptions(command)).action(async (name: string | undefined, flags: Flags) => {
    check(name, flags)
    const output = context.output(flags)
    await withConnection(context.io, flags, async ({ waybill }) => {
      const view = viewOf(waybill, flags.scope)
      if (name === undefined) return list(view, flags, output)
      if (flags.forget === true) return forget(view, name, output)
      if (flags.dead === true) return listDead(view, name, flags, output, context.io.now())
      return show(view, name, flags, output)
    })
  })
}

function check(name: string | undefined, { dead, forget: isForgotten, yes, after }: Flags): void {
  if (name === undefined && (dead === true || isForgotten === true)) {
    throw usageError('--dead and --forget are of one publisher', 'name it')
  }
  if (dead === true && isForgotten === true) throw usageError('--dead and --forget exclude each other', 'leave one out')
  if (isForgotten === true && yes !== true) {
    throw usageError('--forget removes its progress and dead letters for good and needs --yes',
      'look at it without --forget, then add --yes')
  }
  if (dead === true && after !== undefined && !/^\d{1,19}$/.test(after)) {
    throw usageError('--after is the number of a dead letter here', 'take it from the page before')
  }
}

async function list({ publishers }: Connected, { limit, after }: Flags, output: Output): Promise<void> {
  const found = await publishers.list({ limit, after })
  const next = found.length === limit ? found.at(-1)?.name : undefined
  if (output.json) return output.document({ publishers: found.map(publisherDocument), next: next ?? null })
  if (found.length === 0) return output.line('no publishers')
  printTable(output, PUBLISHERS, found.map(rowOf))
  if (next !== undefined) output.line(output.styled('dim', oneLine(`more: --after '${next}'`)))
}

async function show(view: Connected, name: string, { limit }: Flags, output: Output): Promise<void> {
  const publisher = await findPublisher(view, name)
  const held = await view.publishers.heldStreams(name, { limit })
  if (output.json) {
    return output.document({
      ...publisherDocument(publisher), held: held.map((each) => heldDocument(each, (text) => output.masked(text))),
    })
  }
  printTable(output, PUBLISHERS, [rowOf(publisher)])
  output.line()
  printTable(output, PARTS, publisher.parts.map(({ part, slots, owner, leaseMs, term }) =>
    [String(part), String(slotsIn(slots)), owner ?? '-', leaseMs > 0 ? ageText(leaseMs) : '-', String(term)]))
  if (held.length === 0) return
  output.line()
  printTable(output, HELD, held.map((each) => [
    each.stream, each.scope, String(each.from), String(each.to), String(each.attempts), ageText(each.retryInMs),
    output.masked(each.error),
  ]))
  if (held.length < publisher.heldStreams) output.line(output.styled('dim', `of ${countText(publisher.heldStreams)}`))
}

async function listDead(view: Connected, name: string, flags: Flags, output: Output, now: number): Promise<void> {
  const { limit, after } = flags
  await findPublisher(view, name)
  const last = after === undefined ? undefined : BigInt(after)
  const letters = await view.publishers.deadLetters(name, { limit, after: last })
  const next = letters.length === limit ? letters.at(-1)?.number : undefined
  if (output.json) {
    const deadLetters = letters.map((each) => deadDocument(each, (text) => output.masked(text)))
    return output.document({ deadLetters, next: next === undefined ? null : String(next) })
  }
  if (letters.length === 0) return output.line('no dead letters')
  printTable(output, DEAD, letters.map(({ id, stream, sequence, type, attempts, diedAt, error }) => [
    id, stream, String(sequence), type, String(attempts), `${ageText(now - diedAt)} ago`, output.masked(error),
  ]))
  if (next !== undefined) output.line(output.styled('dim', `more: --after ${next}`))
}

async function forget({ publishers }: Connected, name: string, output: Output): Promise<void> {
  if (!await publishers.forget(name)) {
    throw new CliError('NOT_FOUND', `there is no publisher ${name}`, { next: 'see those there are without a name' })
  }
  if (output.json) output.document({ name, forgotten: true })
  else output.line(oneLine(`forgotten ${name}`))
}

function rowOf({ name, follow, members, parts, heldStreams, deadLetters }: PublisherStatus): string[] {
  return [name, followText(follow), ...[members, parts.length, heldStreams, deadLetters].map(countText)]
}
