/** `waybill dead redrive` and `waybill dead discard`: by id, or all of a lane. */
import { Command } from 'commander'
import type { DeadAnswer } from '../../outbox/contract.js'
import { usageError } from '../cli-error.js'
import { withConnection, type Connected } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { countText } from '../message-view.js'
import {
  withCommonOptions, withDatabaseOptions, withQueueOptions, type DatabaseFlags, type QueueFlags,
} from '../options.js'
import type { Output } from '../output.js'
import { oneLine } from '../printable.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

type Action = 'redrive' | 'discard'
type Flags = DatabaseFlags & QueueFlags & { readonly key?: string; readonly all?: boolean; readonly yes?: boolean }

const PAGE = 500
const DONE = { redrive: 'redriven', discard: 'discarded' } as const
const DESCRIPTION = {
  redrive: 'make dead letters due again, with all their attempts',
  discard: 'remove dead letters for good',
} as const

export function deadResolveCommand(context: Context, action: Action): Command {
  const command = withQueueOptions(new Command(action).description(DESCRIPTION[action])
    .argument('[ids...]', 'the ids of dead letters, as `dead list` prints them')
    .option('--all', 'all dead letters of --lane'))
    .option('--key <key>', 'only this key')
  if (action === 'discard') command.option('--yes', 'needed with --all: what is discarded is gone')
  return withDatabaseOptions(withCommonOptions(command)).action(async (ids: string[], flags: Flags) => {
    check(ids, flags, action)
    const output = context.output(flags)
    context.exitWith(await withConnection(context.io, flags, ({ waybill }) =>
      untilStopped(context.io, (stopped) => flags.all === true
        ? resolveAll(waybill, flags, action, { output, stopped, progress: new Progress(output, context.io.now) })
        : resolveIds(waybill, ids, action, { output, stopped }))))
  })
}

function check(ids: readonly string[], flags: Flags, action: Action): void {
  if (flags.all === true) {
    if (ids.length > 0) throw usageError('ids and --all exclude each other', 'leave one of them out')
    if (flags.lane === undefined) throw usageError('--all needs --lane', 'name the lane; add --target to narrow it')
    if (action === 'discard' && flags.yes !== true) {
      throw usageError('discard --all removes messages for good and needs --yes',
        'look at them with `waybill dead list`, then add --yes')
    }
    return
  }
  if (ids.length === 0) throw usageError('no dead letter is named', 'pass ids, or --all with --lane')
  const { lane, target, scope, key } = flags
  if ([lane, target, scope, key].some((each) => each !== undefined)) {
    throw usageError('--lane, --target, --scope and --key go with --all', 'leave them out, or the ids')
  }
}

interface Way {
  readonly output: Output
  readonly stopped: AbortSignal
}

async function resolveIds(
  { outbox }: Connected, given: readonly string[], action: Action, { output, stopped }: Way,
): Promise<ExitCode> {
  // The second answer for one id would be that it is no dead letter any more.
  const ids = [...new Set(given)]
  const answers: { id: string; answer: DeadAnswer }[] = []
  for (let from = 0; from < ids.length && !stopped.aborted; from += PAGE) {
    const page = ids.slice(from, from + PAGE)
    const found = await outbox[action](page)
    // Masked, because what was typed need not be an id.
    page.forEach((id, index) => answers.push({ id: output.masked(id), answer: found[index] ?? 'not_dead' }))
  }
  const notDead = answers.filter(({ answer }) => answer === 'not_dead').length
  const interrupted = answers.length < ids.length
  if (output.json) output.document({ [DONE[action]]: answers.length - notDead, notDead, interrupted, answers })
  else for (const { id, answer } of answers) output.line(`${oneLine(id)}  ${answer.replace('_', ' ')}`)
  if (interrupted) return EXIT.interrupted
  return notDead === 0 ? EXIT.ok : EXIT.failed
}

/** A page at a time behind the last id, so it ends also when what was redriven dies again meanwhile. */
async function resolveAll(
  { outbox }: Connected, flags: Flags, action: Action, { output, stopped, progress }: Way & { progress: Progress },
): Promise<ExitCode> {
  const { lane, target, scope, key } = flags
  let done = 0
  let notDead = 0
  let after: string | undefined
  let interrupted = false
  for (;;) {
    const page = await outbox.list({ status: 'dead_letter', lane, target, scope, key, limit: PAGE, after })
    if (page.length > 0) {
      const answers = await outbox[action](page.map(({ id }) => id))
      const missed = answers.filter((answer) => answer === 'not_dead').length
      done += page.length - missed
      notDead += missed
    }
    if (page.length < PAGE) break
    after = page.at(-1)?.id
    interrupted = stopped.aborted
    if (interrupted) break
    progress.at(() => `${countText(done)} ${DONE[action]} so far`)
  }
  if (output.json) output.document({ [DONE[action]]: done, notDead, interrupted })
  else {
    const rest = notDead === 0 ? '' : `, ${countText(notDead)} not dead any more`
    output.line(`${countText(done)} ${DONE[action]}${rest}${interrupted ? ', interrupted' : ''}`)
  }
  // Somebody else was faster with those that are dead no more; nothing that was asked for failed.
  return interrupted ? EXIT.interrupted : EXIT.ok
}
