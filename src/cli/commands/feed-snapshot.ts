/** `waybill feed snapshot`: all rows of one moment. One page is held at a time. */
import { Command } from 'commander'
import { rowDocument } from '../../feeds/http-json.js'
import type { FeedRow } from '../../feeds/result.js'
import type { FeedSnapshot } from '../../feeds/snapshot.js'
import type { Context } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { valueText } from '../feed-view.js'
import { notFound, withFeeds } from '../feeds.js'
import { countText } from '../message-view.js'
import { withFeedOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { untilStopped } from '../stopping.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly scope?: string
}

const COLUMNS: readonly Column[] = [
  { title: 'SIGNATURE', align: 'right' }, { title: 'VALUE', shrinksTo: 12, widest: 400 },
]
const PAGE = 500

export function feedSnapshotCommand(context: Context): Command {
  const command = new Command('snapshot').description('print all rows of a feed, and the sequence they are of')
    .argument('<name>', 'the feed')
    .option('--scope <scope>', 'of this tenant')
  return withFeedOptions(command).action(async (name: string, flags: Flags) => {
    const output = context.output(flags)
    await withFeeds(context.io, flags, (feeds) => untilStopped(context.io, async (stopped) => {
      const { feed } = await feeds.find(name, flags.scope)
      const snapshot = await feed.snapshot()
      if (snapshot === undefined) throw notFound(name)
      const rows = await print(snapshot, output, stopped)
      if (stopped.aborted) return context.exitWith(EXIT.interrupted)
      const { sequence } = snapshot
      if (output.json) output.document({ end: true, sequence: String(sequence), rows })
      else output.line(output.styled('dim', `${countText(rows)} row${rows === 1 ? '' : 's'} as of ${sequence}`))
    }))
  })
}

/** How many there were. */
async function print(snapshot: FeedSnapshot, output: Output, stopped: AbortSignal): Promise<number> {
  const { incarnation, configHash, sequence } = snapshot
  if (output.json) output.document({ incarnation, configHash, sequence: String(sequence) })
  let page: FeedRow[] = []
  let rows = 0
  const flush = (): void => {
    if (page.length > 0) printPage(page, output, rows === page.length)
    page = []
  }
  for await (const row of snapshot.rows) {
    if (stopped.aborted) break
    rows += 1
    if (output.json) output.document(rowDocument(row, undefined))
    else if (page.push(row) === PAGE) flush()
  }
  flush()
  return rows
}

function printPage(rows: readonly FeedRow[], output: Output, withTitles: boolean): void {
  const [titles = '', ...lines] = tableLines(COLUMNS, rows.map(({ signature, value }) =>
    [String(signature), valueText(value)]), output.width)
  if (withTitles) output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
}
