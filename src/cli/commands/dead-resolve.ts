/** `waybill dead redrive` and `waybill dead discard`: by id, or all of a lane or a source. */
import { hostname } from 'node:os'
import { Command } from 'commander'
import type { DeadLetterAnswer } from '../../deadletters/dead-letter.js'
import type { AllDeadLettersOptions, DeadLetters } from '../../deadletters/dead-letters.js'
import type { RedriveLetterOptions } from '../../deadletters/source.js'
import { usageError } from '../cli-error.js'
import type { Context } from '../context.js'
import { filterOf, withDeadLetterOptions, withDeadLetters, type DeadFlags } from '../dead-letters.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import type { Io } from '../io.js'
import { countText } from '../message-view.js'
import { integer } from '../options.js'
import type { Output } from '../output.js'
import { readPayload } from '../payload-file.js'
import { oneLine } from '../printable.js'
import { Progress } from '../progress.js'
import { untilStopped } from '../stopping.js'

type Action = 'redrive' | 'discard'
type Flags = DeadFlags & EditFlags & {
  readonly all?: boolean; readonly yes?: boolean; readonly rate?: number
}

interface EditFlags {
  readonly payload?: string
  readonly contentType?: string
  readonly note?: string
  readonly by?: string
}

const PAGE = 500
const DONE = { redrive: 'redriven', discard: 'discarded' } as const
const TEXT: Readonly<Record<DeadLetterAnswer, string>> = {
  redriven: 'redriven', discarded: 'discarded', not_dead: 'not dead', failed: 'failed again',
  event_gone: 'stays: the journal has its event no more; discard it',
}
const DESCRIPTION = {
  redrive: 'have dead letters tried again, with all their attempts',
  discard: 'remove dead letters for good',
} as const

export function deadResolveCommand(context: Context, action: Action): Command {
  const command = withDeadLetterOptions(new Command(action).description(DESCRIPTION[action])
    .argument('[ids...]', 'the ids of dead letters, as `dead list` prints them')
    .option('--all', 'all dead letters of --lane, or of --source'))
  if (action === 'discard') command.option('--yes', 'needed with --all: what is discarded is gone')
  else {
    command.option('--rate <count>', 'with --all, at most this many a second', integer(1, 100_000))
      .option('--payload <payload>', 'redrive one dead letter with this payload, or with that of @<file>')
      .option('--content-type <type>', 'of that payload (default: what the message has)')
      .option('--note <text>', 'why its payload is changed; kept with the one it had')
      .option('--by <name>', 'who changes it (default: $USER@host)')
  }
  return command.action(async (ids: string[], flags: Flags) => {
    check(ids, flags, action)
    const output = context.output(flags)
    const edit = await editOf(context.io, flags)
    context.exitWith(await withDeadLetters(context.io, flags, (letters) =>
      untilStopped(context.io, (stopped) => flags.all === true
        ? resolveAll(letters, flags, action, { output, stopped, progress: new Progress(output, context.io.now) })
        : resolveIds(letters, ids, action, { output, stopped, edit }))))
  })
}

function check(ids: readonly string[], flags: Flags, action: Action): void {
  checkEdit(ids, flags)
  if (flags.all === true) {
    if (ids.length > 0) throw usageError('ids and --all exclude each other', 'leave one of them out')
    if (flags.lane === undefined && (flags.source ?? 'outbox') === 'outbox') {
      throw usageError('--all needs --lane',
        'name the lane, and --target to narrow it; or a --source other than outbox')
    }
    if (action === 'discard' && flags.yes !== true) {
      throw usageError('discard --all removes dead letters for good and needs --yes',
        'look at them with `waybill dead list`, then add --yes')
    }
    return
  }
  if (ids.length === 0) throw usageError('no dead letter is named', 'pass ids, or --all with --lane or --source')
  const { source, name, lane, target, scope, key, failures, rate } = flags
  if ([source, name, lane, target, scope, key, failures, rate].some((each) => each !== undefined)) {
    throw usageError('--source, --name, --lane, --target, --scope, --key, --failures and --rate go with --all',
      'leave them out, or the ids')
  }
}

function checkEdit(ids: readonly string[], { payload, contentType, note, by }: EditFlags): void {
  if (payload !== undefined) {
    if (ids.length !== 1) throw usageError('--payload is for one dead letter', 'name one id')
    if (note === undefined) throw usageError('--payload needs --note', 'say why the payload is changed')
  } else if ([contentType, note, by].some((each) => each !== undefined)) {
    throw usageError('--note, --by and --content-type go with --payload', 'leave them out')
  }
}

interface Way {
  readonly output: Output
  readonly stopped: AbortSignal
  readonly edit?: RedriveLetterOptions | undefined
}

async function resolveIds(
  letters: DeadLetters, given: readonly string[], action: Action, { output, stopped, edit }: Way,
): Promise<ExitCode> {
  // The second answer for one id would be that it is no dead letter any more.
  const ids = [...new Set(given)]
  const answers: { id: string; answer: DeadLetterAnswer }[] = []
  for (let from = 0; from < ids.length && !stopped.aborted; from += PAGE) {
    const page = ids.slice(from, from + PAGE)
    const found = action === 'redrive' ? await letters.redrive(page, edit) : await letters.discard(page)
    // Masked, because what was typed need not be an id.
    page.forEach((id, index) => answers.push({ id: output.masked(id), answer: found[index] ?? 'not_dead' }))
  }
  const notDead = answers.filter(({ answer }) => answer === 'not_dead').length
  const done = answers.filter(({ answer }) => answer === DONE[action]).length
  const interrupted = answers.length < ids.length
  if (output.json) output.document({ [DONE[action]]: done, notDead, interrupted, answers })
  else for (const { id, answer } of answers) output.line(`${oneLine(id)}  ${TEXT[answer]}`)
  if (interrupted) return EXIT.interrupted
  return done === answers.length ? EXIT.ok : EXIT.failed
}

async function resolveAll(
  letters: DeadLetters, flags: Flags, action: Action, { output, stopped, progress }: Way & { progress: Progress },
): Promise<ExitCode> {
  const options: AllDeadLettersOptions = {
    ...filterOf(flags), source: flags.source ?? 'outbox', ratePerSecond: flags.rate, signal: stopped,
    onProgress: ({ done: so }) => progress.at(() => `${countText(so)} ${DONE[action]} so far`),
  }
  const { done, notDead, left, isInterrupted } = await (action === 'redrive' ? letters.redriveAll(options)
    : letters.discardAll(options))
  if (output.json) output.document({ [DONE[action]]: done, notDead, left, interrupted: isInterrupted })
  else {
    const rest = notDead === 0 ? '' : `, ${countText(notDead)} not dead any more`
    const stay = left === 0 ? '' : `, ${countText(left)} stay: the journal has their events no more`
    output.line(`${countText(done)} ${DONE[action]}${rest}${stay}${isInterrupted ? ', interrupted' : ''}`)
  }
  if (isInterrupted) return EXIT.interrupted
  // Somebody else was faster with those that are dead no more: that is no failure.
  return left === 0 ? EXIT.ok : EXIT.failed
}

/** Bytes as they are typed, or those of a file behind `@`. */
async function editOf(io: Io, { payload, contentType, note, by }: Flags): Promise<RedriveLetterOptions | undefined> {
  if (payload === undefined) return undefined
  const bytes = payload.startsWith('@') ? await readPayload(io, payload.slice(1), 'check --payload @<file>')
    : Buffer.from(payload)
  return { payload: bytes, contentType, note, by: by ?? `${io.env['USER'] ?? 'cli'}@${hostname()}` }
}
