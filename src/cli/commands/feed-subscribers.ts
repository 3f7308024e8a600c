/** `waybill feed subscribers`: who follows feeds, who is at it now, and how far behind each is. */
import { Command } from 'commander'
import { WaybillError } from '../../core/errors.js'
import type { Checkpoint, CheckpointStore, SubscriberState } from '../../feeds/checkpoints.js'
import type { FeedState } from '../../feeds/result.js'
import type { Store } from '../../store.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { feedStore, nameOfKey } from '../feed-view.js'
import { ageText, countText } from '../message-view.js'
import { integer, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import { oneLine } from '../printable.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly limit: number
  readonly after: string
}

const COLUMNS: readonly Column[] = [
  { title: 'SUBSCRIBER', shrinksTo: 12 }, { title: 'SCOPE', shrinksTo: 8, widest: 40 },
  { title: 'OWNER', shrinksTo: 8, widest: 40 }, { title: 'LEASE', align: 'right' }, { title: 'FEED', shrinksTo: 12 },
  { title: 'SEQUENCE', align: 'right' }, { title: 'BEHIND', align: 'right' },
]

export function feedSubscribersCommand(context: Context): Command {
  const command = new Command('subscribers').description('list subscribers, and how far behind each of their feeds')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <key>', 'only those behind this one, for the next page', '')
  return withDatabaseOptions(withCommonOptions(command)).action(async ({ limit, after, ...flags }: Flags) => {
    const output = context.output(flags)
    const { subscribers, feeds } = await withConnection(context.io, flags, async ({ store }) => {
      const found = await checkpointStore(store).list({ limit, after })
      return { subscribers: found, feeds: await feedsOf(store, found) }
    })
    const next = subscribers.length === limit ? subscribers.at(-1)?.subscriber : undefined
    if (output.json) {
      const documents = subscribers.map((each) => subscriberDocument(each, feeds))
      return output.document({ subscribers: documents, next: next ?? null })
    }
    if (subscribers.length === 0) return output.line('no subscribers')
    const rows = subscribers.flatMap((each) => rowsOf(each, feeds))
    const [titles = '', ...lines] = tableLines(COLUMNS, rows, output.width)
    output.line(output.styled('bold', titles))
    for (const line of lines) output.line(line)
    if (next !== undefined) output.line(output.styled('dim', oneLine(`more: --after '${next}'`)))
  })
}

type Feeds = ReadonlyMap<string, FeedState | undefined>

/** @throws CONFIG_INVALID. */
function checkpointStore({ name, checkpoints }: Store): CheckpointStore {
  if (checkpoints !== undefined) return checkpoints
  throw new WaybillError('CONFIG_INVALID', `the ${name} store keeps no checkpoints of subscribers`)
}

async function feedsOf(store: Store, subscribers: readonly SubscriberState[]): Promise<Feeds> {
  const feeds = new Map<string, FeedState | undefined>()
  for (const { feed } of subscribers.flatMap(({ checkpoints }) => checkpoints)) {
    if (!feeds.has(feed)) feeds.set(feed, await feedStore(store).state(feed))
  }
  return feeds
}

/** Results that it has not taken; undefined where the feed began anew, or is not there. */
function behind({ feed, sequence, incarnation }: Checkpoint, feeds: Feeds): bigint | undefined {
  const state = feeds.get(feed)
  return state?.incarnation === incarnation && state.sequence >= sequence ? state.sequence - sequence : undefined
}

function subscriberDocument({ subscriber, owner, term, leaseMs, checkpoints }: SubscriberState, feeds: Feeds): object {
  const { name, scope } = nameOfKey(subscriber)
  return {
    scope, id: name, owner: owner ?? null, term: String(term), leaseMs,
    checkpoints: checkpoints.map((each) => ({
      feed: nameOfKey(each.feed).name, scope: nameOfKey(each.feed).scope, sequence: String(each.sequence),
      behind: behind(each, feeds)?.toString() ?? null, incarnation: each.incarnation, configHash: each.configHash,
    })),
  }
}

function rowsOf({ subscriber, owner, leaseMs, checkpoints }: SubscriberState, feeds: Feeds): string[][] {
  const { name, scope } = nameOfKey(subscriber)
  const whose = [name, scope, owner ?? '-', leaseMs > 0 ? ageText(leaseMs) : '-']
  if (checkpoints.length === 0) return [[...whose, '-', '-', '-']]
  return checkpoints.map((each) => {
    const count = behind(each, feeds)
    return [...whose, nameOfKey(each.feed).name, String(each.sequence),
      count === undefined ? 'began anew' : countText(Number(count))]
  })
}
