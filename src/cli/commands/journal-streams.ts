/** `waybill journal streams`: the streams by scope and name, a page at a time. */
import { Command } from 'commander'
import { DEFAULT_SCOPE } from '../../core/scope.js'
import { usageError } from '../cli-error.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { viewOf } from '../journal-view.js'
import { integer, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import { oneLine } from '../printable.js'
import { tableLines, type Column } from '../table.js'

interface Flags extends DatabaseFlags {
  readonly prefix?: string
  readonly scope?: string
  readonly limit: number
  readonly after?: string
  readonly afterScope?: string
}

const COLUMNS: readonly Column[] = [
  { title: 'STREAM', shrinksTo: 16 }, { title: 'SCOPE', shrinksTo: 8, widest: 40 },
  { title: 'LAST', align: 'right' }, { title: 'DELETED TO', align: 'right' },
]

export function journalStreamsCommand(context: Context): Command {
  const command = new Command('streams').description('list streams, by scope and name')
    .option('--prefix <text>', 'only names that begin so')
    .option('--scope <scope>', 'only this tenant')
    .option('--limit <count>', 'at most this many, up to 1000', integer(1, 1_000), 50)
    .option('--after <stream>', 'only those behind this one, for the next page')
    .option('--after-scope <scope>', `the scope of --after (default: --scope, ${DEFAULT_SCOPE})`)
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const { prefix, scope, limit, after, afterScope } = flags
    if (afterScope !== undefined && after === undefined) {
      throw usageError('--after-scope goes with --after', 'add --after')
    }
    const output = context.output(flags)
    const place = after === undefined ? undefined : { scope: afterScope ?? scope ?? DEFAULT_SCOPE, stream: after }
    const streams = await withConnection(context.io, flags, async ({ waybill }) =>
      viewOf(waybill, scope).journal.streams({ prefix, limit, after: place }))
    const last = streams.length === limit ? streams.at(-1) : undefined
    const rows = streams.map(({ highestSequence, deletedTo, ...name }) =>
      ({ ...name, highestSequence: String(highestSequence), deletedTo: String(deletedTo) }))
    if (output.json) {
      const next = last === undefined ? null : { scope: last.scope, stream: last.stream }
      return output.document({ streams: rows, next })
    }
    if (rows.length === 0) return output.line('no streams')
    const [titles = '', ...lines] = tableLines(COLUMNS, rows.map((row) =>
      [row.stream, row.scope, row.highestSequence, row.deletedTo]), output.width)
    output.line(output.styled('bold', titles))
    for (const line of lines) output.line(line)
    if (last === undefined) return
    output.line(output.styled('dim', oneLine(`more: --after '${last.stream}' --after-scope '${last.scope}'`)))
  })
}
