/** `waybill feed tail`: the last results of a feed, and with `--follow` also what comes later. */
import { Command } from 'commander'
import { pause } from '../../core/environment.js'
import type { FeedGap, FeedResults } from '../../feeds/feed-reader.js'
import { resultDocument } from '../../feeds/http-json.js'
import type { FeedState, Result } from '../../feeds/result.js'
import { CliError } from '../cli-error.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { valueText } from '../feed-view.js'
import { notFound, withFeeds, type FoundFeed } from '../feeds.js'
import { timeText } from '../message-view.js'
import { integer, sequence, withFeedOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { untilStopped } from '../stopping.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly after?: bigint
  readonly limit?: number
  readonly follow?: boolean
  readonly scope?: string
}

/** How long is waited when nothing has come. */
const POLL_MS = 250
const DEFAULT_LIMIT = 10
const PAGE = 500

const COLUMNS: readonly Column[] = [
  { title: 'COMMITTED' }, { title: 'SEQUENCE', align: 'right' }, { title: 'CHANGE', widest: 12 },
  { title: 'SIGNATURE', align: 'right' }, { title: 'VALUE', shrinksTo: 12, widest: 400 },
]

export function feedTailCommand(context: Context): Command {
  const command = new Command('tail').description('print the last results of a feed, and follow it')
    .argument('<name>', 'the feed')
    .option('--after <sequence>', 'only results behind this one (default: the last --limit)', sequence)
    .option('--limit <count>', `at most this many (default: ${DEFAULT_LIMIT}; with --follow no end)`,
      integer(1, 1_000_000_000))
    .option('--follow', 'also what comes later, until SIGINT or SIGTERM')
    .option('--scope <scope>', 'of this tenant')
  return withFeedOptions(command).action(async (name: string, flags: Flags) => {
    const output = context.output(flags)
    context.exitWith(await withFeeds(context.io, flags, async (feeds) => {
      const found = await feeds.find(name, flags.scope)
      return untilStopped(context.io, (stopped) => tail(found, flags, output, stopped))
    }))
  })
}

async function tail(found: FoundFeed, flags: Flags, output: Output, stopped: AbortSignal): Promise<ExitCode> {
  const { limit, follow = false } = flags
  let after = flags.after ?? startOf(found.state, limit ?? DEFAULT_LIMIT)
  let left = limit ?? (follow ? Infinity : DEFAULT_LIMIT)
  let isFirst = true
  const seen: object[] = []
  let latest = found.state.sequence
  while (left > 0) {
    const page = await read(found, after, Math.min(left, PAGE))
    const { results } = page
    latest = page.latest
    left -= results.length
    after = results.at(-1)?.sequence ?? after
    if (!output.json) print(output, results, isFirst && (results.length > 0 || !follow))
    else if (follow) for (const result of results) output.document(resultDocument(result, undefined))
    else seen.push(...results.map((result) => resultDocument(result, undefined)))
    isFirst &&= results.length === 0
    if (stopped.aborted || (!follow && results.length === 0)) break
    if (results.length === 0) await pause(POLL_MS, stopped)
    if (stopped.aborted) break
  }
  const place = { after: String(after), latest: String(latest) }
  if (output.json) output.document(follow ? place : { results: seen, hasMore: after < latest, ...place })
  else if (after < latest || stopped.aborted) output.line(output.styled('dim', `more: --after ${after}`))
  return stopped.aborted ? EXIT.interrupted : EXIT.ok
}

/** Before the last ones that are kept. */
function startOf({ sequence: latest, first }: FeedState, limit: number): bigint {
  const start = latest - BigInt(limit)
  return start < first - 1n ? first - 1n : start
}

/** @throws NOT_FOUND, GAP. */
async function read({ feed, state }: FoundFeed, after: bigint, limit: number): Promise<FeedResults> {
  const page = await feed.after(after, { incarnation: state.incarnation, limit })
  if (page.kind === 'results') return page
  throw page.kind === 'missing' ? notFound(feed.name) : gapError(page)
}

function gapError({ reason, requested, earliest, latest }: FeedGap): CliError {
  if (reason === 'reset') {
    return new CliError('GAP', 'the feed was begun anew', { next: 'run this again, from its first result' })
  }
  return new CliError('GAP', `what comes behind ${requested} is not kept any more; ${earliest} to ${latest} is`, {
    next: `go on with --after ${earliest - 1n}, or take all rows with \`waybill feed snapshot\``,
  })
}

function print(output: Output, results: readonly Result[], withTitles: boolean): void {
  if (results.length === 0) return withTitles ? output.line('no results') : undefined
  const [titles = '', ...lines] = tableLines(COLUMNS, results.flatMap(({ sequence: number, createdAt, changes }) => (
    changes.map(({ op, signature, before, after }) => (
      [timeText(createdAt), String(number), op, String(signature), valueText(after ?? before)])))), output.width)
  if (withTitles) output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
}
