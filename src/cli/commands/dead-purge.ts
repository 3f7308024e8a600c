/** `waybill dead purge`: removes what has been dead for long, a bounded number at a time, until there is no more. */
import { Command, Option } from 'commander'
import { DEAD_LETTER_SOURCES, type DeadLetterSource } from '../../deadletters/dead-letter.js'
import type { DeadLetters } from '../../deadletters/dead-letters.js'
import { usageError } from '../cli-error.js'
import type { Context } from '../context.js'
import { withDeadLetters } from '../dead-letters.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { countText } from '../message-view.js'
import { age, integer, withFeedOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

interface Flags extends DatabaseFlags {
  readonly olderThan?: number
  readonly source?: DeadLetterSource
  readonly limit: number
  readonly scope?: string
}

type Counts = Partial<Record<DeadLetterSource, number>>

export function deadPurgeCommand(context: Context): Command {
  const command = new Command('purge').description('remove what has been dead for long, until there is no more')
    .option('--older-than <age>', 'what died at least this long ago: 12h, 30d', age)
    .addOption(new Option('--source <source>', 'only of these').choices([...DEAD_LETTER_SOURCES]))
    .option('--limit <count>', 'how many of each source at a time, up to 100000', integer(1, 100_000), 1_000)
    .option('--scope <scope>', 'only this tenant')
  return withFeedOptions(command).action(async (flags: Flags) => {
    const { olderThan } = flags
    if (olderThan === undefined) throw usageError('--older-than is missing', 'say how old: --older-than 30d')
    const output = context.output(flags)
    context.exitWith(await withDeadLetters(context.io, flags, (letters) =>
      untilStopped(context.io, (stopped) => purge(letters, olderThan, flags, {
        output, stopped, progress: new Progress(output, context.io.now),
      }))))
  })
}

interface Way {
  readonly output: Output
  readonly stopped: AbortSignal
  readonly progress: Progress
}

async function purge(
  letters: DeadLetters, olderThanMs: number, { source, limit }: Flags, { output, stopped, progress }: Way,
): Promise<ExitCode> {
  const total: Counts = {}
  let interrupted = false
  for (let isFull = true; isFull && !interrupted;) {
    const round = await letters.purge({ olderThanMs, source, limit })
    isFull = Object.values(round).some((count) => count >= limit)
    for (const each of DEAD_LETTER_SOURCES) {
      const count = round[each]
      if (count !== undefined) total[each] = (total[each] ?? 0) + count
    }
    interrupted = isFull && stopped.aborted
    progress.at(() => `${textOf(total)} removed so far`)
  }
  if (output.json) output.document({ removed: total, interrupted })
  else output.line(`${textOf(total)} removed${interrupted ? ', interrupted' : ''}`)
  return interrupted ? EXIT.interrupted : EXIT.ok
}

function textOf(counts: Counts): string {
  return Object.entries(counts).map(([source, count]) => `${countText(count)} ${source}`).join(', ')
}
