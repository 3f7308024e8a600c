/**
 * `waybill journal read`: a stream by its numbers, or what comes behind a cursor, of all streams or with a tag. With
 * `--follow` also what comes later. One page is held at a time, so its memory does not grow with the journal.
 */
import { Command } from 'commander'
import { pause } from '../../core/environment.js'
import type { JournalEvent } from '../../journal/event.js'
import { usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { eventDocument, viewOf } from '../journal-view.js'
import { payloadText, timeText } from '../message-view.js'
import { integer, sequence, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { untilStopped } from '../stopping.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly tag?: string
  readonly from?: bigint
  readonly to?: bigint
  readonly cursor?: string
  readonly limit?: number
  readonly follow?: boolean
  readonly scope?: string
}

/** How long is waited when nothing has come. */
const POLL_MS = 250
const DEFAULT_LIMIT = 50
const PAGE = 500

const COLUMNS: readonly Column[] = [
  { title: 'APPENDED' }, { title: 'STREAM', shrinksTo: 12, widest: 40 }, { title: 'SEQUENCE', align: 'right' },
  { title: 'TYPE', shrinksTo: 10, widest: 40 }, { title: 'PAYLOAD', shrinksTo: 12, widest: 400 },
]

export function journalReadCommand(context: Context): Command {
  const command = new Command('read').description('read events, of one stream or of all, and follow them')
    .argument('[stream]', 'only this stream, by its numbers (default: all streams)')
    .option('--tag <tag>', 'only events with this tag')
    .option('--from <sequence>', 'of a stream: the first number', sequence)
    .option('--to <sequence>', 'of a stream: the last number', sequence)
    .option('--cursor <cursor>', 'without a stream: only what comes behind, for the next page')
    .option('--limit <count>', `at most this many (default: ${DEFAULT_LIMIT}; with --follow no end)`,
      integer(1, 1_000_000_000))
    .option('--follow', 'also what comes later, until SIGINT or SIGTERM')
    .option('--scope <scope>', 'only this tenant')
  return withDatabaseOptions(withCommonOptions(command)).action(async (stream: string | undefined, flags: Flags) => {
    check(stream, flags)
    const output = context.output(flags)
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) => untilStopped(context.io, (stopped) =>
      read(readerOf(viewOf(waybill, flags.scope), stream, flags), flags, output, stopped))))
  })
}

function check(stream: string | undefined, { tag, from, to, cursor, follow }: Flags): void {
  if (stream !== undefined && (tag !== undefined || cursor !== undefined)) {
    throw usageError('a stream is read by --from and --to, not by --tag or --cursor', 'leave one of them out')
  }
  if (stream === undefined && (from !== undefined || to !== undefined)) {
    throw usageError('--from and --to are numbers of a stream', 'name the stream, or pass --cursor')
  }
  if (follow === true && to !== undefined) throw usageError('--follow has no --to', 'leave one of them out')
}

/** Where reading is, and the next events from there. */
interface Reader {
  next(limit: number): Promise<readonly JournalEvent[]>
  /** What to pass to go on from here. */
  place(): { readonly cursor?: string; readonly from?: string }
}

function readerOf({ journal }: Connected, stream: string | undefined, flags: Flags): Reader {
  const { tag, to } = flags
  if (stream !== undefined) {
    let from = flags.from ?? 1n
    return {
      async next(limit) {
        const events = await journal.read(stream, { from, to, limit })
        from = (events.at(-1)?.sequence ?? from - 1n) + 1n
        return events
      },
      place: () => ({ from: String(from) }),
    }
  }
  let { cursor } = flags
  return {
    async next(limit) {
      const options = { cursor, limit }
      const page = await (tag === undefined ? journal.readAll(options) : journal.readByTag(tag, options))
      cursor = page.cursor
      return page.events
    },
    place: () => (cursor === undefined ? {} : { cursor }),
  }
}

async function read(
  reader: Reader, { limit, follow = false }: Flags, output: Output, stopped: AbortSignal,
): Promise<ExitCode> {
  let left = limit ?? (follow ? Infinity : DEFAULT_LIMIT)
  let isFirst = true
  const seen: object[] = []
  while (left > 0) {
    const events = await reader.next(Math.min(left, PAGE))
    left -= events.length
    if (!output.json) print(output, events, isFirst && (events.length > 0 || !follow))
    else if (follow) for (const event of events) output.document(eventDocument(event))
    else seen.push(...events.map(eventDocument))
    isFirst &&= events.length === 0
    if (stopped.aborted || (!follow && events.length === 0)) break
    if (events.length === 0) await pause(POLL_MS, stopped)
    if (stopped.aborted) break
  }
  const hasMore = left === 0
  const place = reader.place()
  if (output.json) output.document(follow ? place : { events: seen, hasMore, ...place })
  else if (hasMore || stopped.aborted) {
    for (const [name, value] of Object.entries(place)) output.line(output.styled('dim', `more: --${name} ${value}`))
  }
  return stopped.aborted ? EXIT.interrupted : EXIT.ok
}

function print(output: Output, events: readonly JournalEvent[], withTitles: boolean): void {
  if (events.length === 0) return withTitles ? output.line('no events') : undefined
  const [titles = '', ...lines] = tableLines(COLUMNS, events.map((event) => [
    timeText(event.createdAt), event.stream, String(event.sequence), event.type, payloadText(event),
  ]), output.width)
  if (withTitles) output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
}
