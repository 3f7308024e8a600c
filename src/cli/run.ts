/** The program without its process: arguments in, exit code out. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { failureOf, stackOf, usageError } from './cli-error.js'
import { deadCommand } from './commands/dead.js'
import { demoCommand } from './commands/demo.js'
import { doctorCommand } from './commands/doctor.js'
import { feedCommand } from './commands/feed.js'
import { initCommand } from './commands/init.js'
import { journalCommand } from './commands/journal.js'
import { listCommand } from './commands/list.js'
import { maintenanceCommand } from './commands/maintenance.js'
import { migrateCommand } from './commands/migrate.js'
import { pauseCommand, resumeCommand } from './commands/pause.js'
import { purgeCommand } from './commands/purge.js'
import { relayCommand } from './commands/relay.js'
import { showCommand } from './commands/show.js'
import { statsCommand } from './commands/stats.js'
import { createContext, type Context } from './context.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { Io } from './io.js'

const COMMANDS: readonly (readonly [name: string, create: (context: Context) => Command])[] = [
  ['demo', demoCommand], ['init', initCommand], ['migrate', migrateCommand], ['relay', relayCommand],
  ['list', listCommand], ['show', showCommand], ['stats', statsCommand], ['dead', deadCommand],
  ['purge', purgeCommand], ['maintenance', maintenanceCommand],
  ['pause', pauseCommand], ['resume', resumeCommand], ['doctor', doctorCommand],
  ['journal', journalCommand], ['feed', feedCommand],
]

/** `argv` without the program's name. Never rejects. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  const context = createContext(io)
  const program = createProgram(context, argv)
  try {
    await program.parseAsync(argv, { from: 'user' })
    return context.exitCode
  } catch (thrown) {
    return report(thrown, argv, context, program)
  }
}

function createProgram(context: Context, argv: readonly string[]): Command {
  const { io } = context
  const program = new Command('waybill')
    .description('What your transaction commits, the world receives.')
    .version(version(), '-v, --version', 'print the version')
    .addHelpText('after', '\nExit codes: 0 ok, 1 failed, 2 wrong usage, 3 unhealthy, 130 interrupted.')
  // Only the one that is called, where that can be seen: building all takes longer than most calls.
  const called = COMMANDS.filter(([name]) => name === argv[0])
  const commands = (called.length > 0 ? called : COMMANDS).map(([, create]) => create(context))
  for (const command of commands) program.addCommand(command)
  for (const command of [program, ...commands.flatMap((each) => [each, ...each.commands])]) {
    command.exitOverride().showSuggestionAfterError().configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // Help that was not asked for. Errors are told by `report`.
      writeErr: (text) => io.stderr.write(text),
      outputError: () => undefined,
      getOutHelpWidth: () => io.columns() ?? 100,
      getErrHelpWidth: () => io.columns() ?? 100,
    })
  }
  return program
}

function report(thrown: unknown, argv: readonly string[], context: Context, program: Command): ExitCode {
  const end = argv.indexOf('--')
  const flags = end === -1 ? argv : argv.slice(0, end)
  const output = context.output({ json: flags.includes('--json'), verbose: flags.includes('--verbose') })
  if (thrown instanceof CommanderError && (thrown.exitCode === 0 || thrown.code === 'commander.help')) {
    // `waybill` alone prints the help as an error; `--help` and `--version` as what was asked for.
    return thrown.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  const failure = failureOf(thrown instanceof CommanderError ? usageOf(thrown, argv, program) : thrown)
  const { code, message, next, exitCode } = failure
  if (output.json) output.errorLine(JSON.stringify({ error: { code, message } }))
  else {
    output.errorLine(`waybill: ${message}`)
    output.errorLine(`  next: ${next}`)
  }
  if (output.verbose) output.errorLine(stackOf(thrown))
  return exitCode
}

function usageOf(error: CommanderError, argv: readonly string[], program: Command): Error {
  const message = error.message.replace(/^error: /, '')
  const path: string[] = []
  let command = program
  for (const word of argv) {
    const next = command.commands.find((each) => each.name() === word)
    if (next === undefined) continue
    path.push(word)
    command = next
  }
  return usageError(message, `\`${['waybill', ...path].join(' ')} --help\` lists what there is`)
}

let knownVersion: string | undefined

function version(): string {
  if (knownVersion !== undefined) return knownVersion
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  knownVersion = (JSON.parse(manifest) as { version: string }).version
  return knownVersion
}
