/** `waybill feed subscribers`: who follows feeds, who is at it now, how far behind each is, and what it set aside. */
import { Command } from 'commander'
import { resultDocument } from '../../feeds/http-json.js'
import type { ResultDeadLetter, StoredSubscriber, Subscribers } from '../../feeds/subscribers.js'
import { CliError, usageError } from '../cli-error.js'
import type { Context } from '../context.js'
import { withFeeds } from '../feeds.js'
import { ageText, countText } from '../message-view.js'
import { integer, withFeedOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { printTable, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly dead?: boolean
  readonly forget?: boolean
  readonly feed?: string
  readonly yes?: boolean
  readonly limit: number
  readonly after?: string
  readonly scope?: string
}

const SUBSCRIBERS: readonly Column[] = [
  { title: 'SUBSCRIBER', shrinksTo: 12 }, { title: 'SCOPE', shrinksTo: 8, widest: 40 },
  { title: 'OWNER', shrinksTo: 8, widest: 40 }, { title: 'LEASE', align: 'right' }, { title: 'FEED', shrinksTo: 12 },
  { title: 'SEQUENCE', align: 'right' }, { title: 'BEHIND', align: 'right' }, { title: 'SAVED', align: 'right' },
]
const DEAD: readonly Column[] = [
  { title: 'NUMBER', align: 'right' }, { title: 'FEED', shrinksTo: 12, widest: 40 },
  { title: 'SEQUENCE', align: 'right' }, { title: 'CHANGES', align: 'right' }, { title: 'TRIES', align: 'right' },
  { title: 'DIED', align: 'right' }, { title: 'ERROR', shrinksTo: 12, widest: 120 },
]

export function feedSubscribersCommand(context: Context): Command {
  const command = new Command('subscribers').description('list subscribers, or show one, or what it set aside')
    .argument('[id]', 'only this one')
    .option('--dead', 'the results that it set aside, the latest last')
    .option('--forget', 'forget it with all that is stored of it')
    .option('--feed <name>', 'with --forget: only what is stored of this feed')
    .option('--yes', 'needed with --forget: its checkpoints are gone')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <place>', 'only those behind this key, or dead letter number, for the next page')
    .option('--scope <scope>', 'only this tenant')
  return withFeedOptions(command).action(async (id: string | undefined, flags: Flags) => {
    check(id, flags)
    const output = context.output(flags)
    const now = context.io.now()
    await withFeeds(context.io, flags, async (feeds) => {
      const subscribers = feeds.subscribers(flags.scope)
      if (id === undefined) return list(subscribers, flags, output, now)
      if (flags.forget === true) return forget(subscribers, id, flags, output)
      const found = await subscribers.get(id)
      if (found === undefined) throw notFound(id)
      if (flags.dead === true) return listDead(subscribers, id, flags, output, now)
      if (output.json) output.document(subscriberDocument(found))
      else printTable(output, SUBSCRIBERS, rowsOf(found, now))
    })
  })
}

function check(id: string | undefined, { dead, forget: isForgotten, feed, yes, after }: Flags): void {
  if (id === undefined && (dead === true || isForgotten === true)) {
    throw usageError('--dead and --forget are of one subscriber', 'name it')
  }
  if (dead === true && isForgotten === true) throw usageError('--dead and --forget exclude each other', 'leave one out')
  if (feed !== undefined && isForgotten !== true) throw usageError('--feed goes with --forget', 'leave it out')
  if (isForgotten === true && yes !== true) {
    throw usageError('--forget removes checkpoints and dead letters for good and needs --yes',
      'look at it without --forget, then add --yes')
  }
  if (dead === true && after !== undefined && !/^\d{1,19}$/.test(after)) {
    throw usageError('--after is the number of a dead letter here', 'take it from the page before')
  }
}

async function list(subscribers: Subscribers, { limit, after }: Flags, output: Output, now: number): Promise<void> {
  const found = await subscribers.list({ limit, after })
  const next = found.length === limit ? found.at(-1)?.key : undefined
  if (output.json) return output.document({ subscribers: found.map(subscriberDocument), next: next ?? null })
  if (found.length === 0) return output.line('no subscribers')
  printTable(output, SUBSCRIBERS, found.flatMap((each) => rowsOf(each, now)))
  if (next !== undefined) output.line(output.styled('dim', oneLine(`more: --after '${next}'`)))
}

async function listDead(
  subscribers: Subscribers, id: string, { limit, after }: Flags, output: Output, now: number,
): Promise<void> {
  const letters = await subscribers.deadLetters(id, { limit, after: after === undefined ? undefined : BigInt(after) })
  const next = letters.length === limit ? letters.at(-1)?.number : undefined
  if (output.json) {
    const deadLetters = letters.map((each) => letterDocument(each, output))
    return output.document({ deadLetters, next: next === undefined ? null : String(next) })
  }
  if (letters.length === 0) return output.line('no dead letters')
  printTable(output, DEAD, letters.map(({ number, feed, sequence, result, attempts, diedAt, error }) => [
    String(number), feed, String(sequence), result === undefined ? 'unreadable' : countText(result.changes.length),
    String(attempts), `${ageText(now - diedAt)} ago`, output.masked(error),
  ]))
  if (next !== undefined) output.line(output.styled('dim', `more: --after ${next}`))
}

async function forget(subscribers: Subscribers, id: string, { feed }: Flags, output: Output): Promise<void> {
  if (!await subscribers.forget(id, feed)) {
    if (feed === undefined || await subscribers.get(id) === undefined) throw notFound(id)
    throw new CliError('NOT_FOUND', `subscriber ${id} has no checkpoint of feed ${feed}`, {
      next: `see those it has with \`waybill feed subscribers ${id}\``,
    })
  }
  if (output.json) output.document({ id, ...(feed !== undefined && { feed }), forgotten: true })
  else output.line(oneLine(`forgotten ${feed === undefined ? id : `${feed} of ${id}`}`))
}

function notFound(id: string): CliError {
  return new CliError('NOT_FOUND', `there is no subscriber ${id}`, { next: 'see those there are without an id' })
}

function subscriberDocument({ key: _key, owner, term, feeds, ...rest }: StoredSubscriber): object {
  return {
    ...rest, owner: owner ?? null, term: String(term),
    checkpoints: feeds.map(({ name, scope, sequence, behind, incarnation, configHash, savedAt }) => ({
      feed: name, scope, sequence: String(sequence), behind: behind?.toString() ?? null, incarnation, configHash,
      savedAt,
    })),
  }
}

function letterDocument({ data, result, number, sequence, error, ...rest }: ResultDeadLetter, output: Output): object {
  return {
    ...rest, number: String(number), sequence: String(sequence), error: output.masked(error),
    bytes: data.byteLength, ...(result !== undefined && resultDocument(result, undefined)),
  }
}

function rowsOf({ id, scope, owner, leaseMs, feeds }: StoredSubscriber, now: number): string[][] {
  const whose = [id, scope, owner ?? '-', leaseMs > 0 ? ageText(leaseMs) : '-']
  if (feeds.length === 0) return [[...whose, '-', '-', '-', '-']]
  return feeds.map(({ name, sequence, behind, savedAt }) => [
    ...whose, name, String(sequence), behind === undefined ? 'began anew' : countText(Number(behind)),
    `${ageText(now - savedAt)} ago`,
  ])
}
