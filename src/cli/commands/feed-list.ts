/** `waybill feed list`: the feeds of all tenants by key, a page at a time. */
import { Command } from 'commander'
import { nameOfKey } from '../../core/scope.js'
import type { Context } from '../context.js'
import { feedDocument } from '../feed-view.js'
import { withFeeds } from '../feeds.js'
import { countText } from '../message-view.js'
import { integer, withFeedOptions, type DatabaseFlags } from '../options.js'
import { oneLine } from '../printable.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly limit: number
  readonly after: string
}

const COLUMNS: readonly Column[] = [
  { title: 'FEED', shrinksTo: 16 }, { title: 'SCOPE', shrinksTo: 8, widest: 40 },
  { title: 'SEQUENCE', align: 'right' }, { title: 'KEPT FROM', align: 'right' }, { title: 'CAPACITY', align: 'right' },
  { title: 'ROWS', align: 'right' },
]

export function feedListCommand(context: Context): Command {
  const command = new Command('list').description('list feeds: how far each is, what it keeps, how many rows it has')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <key>', 'only those behind this one, for the next page', '')
  return withFeedOptions(command).action(async ({ limit, after, ...flags }: Flags) => {
    const output = context.output(flags)
    const feeds = await withFeeds(context.io, flags, (found) => found.store().list({ limit, after }))
    const next = feeds.length === limit ? feeds.at(-1)?.feed : undefined
    if (output.json) return output.document({ feeds: feeds.map(feedDocument), next: next ?? null })
    if (feeds.length === 0) return output.line('no feeds')
    const [titles = '', ...lines] = tableLines(COLUMNS, feeds.map(({ feed, sequence, first, capacity, rows }) => {
      const { name, scope } = nameOfKey(feed)
      return [name, scope, String(sequence), String(first), countText(capacity), countText(rows)]
    }), output.width)
    output.line(output.styled('bold', titles))
    for (const line of lines) output.line(line)
    if (next !== undefined) output.line(output.styled('dim', oneLine(`more: --after '${next}'`)))
  })
}
