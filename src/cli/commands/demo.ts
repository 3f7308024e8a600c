/** `waybill demo`: see for yourself that nothing is lost when a relay is killed. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import type { Context } from '../context.js'
import { runDemo } from '../demo/demo.js'
import { LiveLine } from '../demo/live-line.js'
import { pathsIn } from '../demo/plan.js'
import { isProven, printResult, resultDocument } from '../demo/verdict.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import { integer, withCommonOptions, type CommonFlags } from '../options.js'
import type { Output } from '../output.js'

type Flags = CommonFlags & { readonly seconds: number; readonly keep?: boolean; readonly dir?: string }

export function demoCommand(context: Context): Command {
  const command = new Command('demo')
    .description('a shop under fire: relays are killed, and the books must balance')
    .option('--seconds <n>', 'how long the shop is open', integer(1, 3_600), 20)
    .option('--keep', 'keep the files')
    .option('--dir <folder>', 'make the folder of the demo in this one (default: a temporary one)')
  return withCommonOptions(command).action(async (flags: Flags) => {
    context.exitWith(await demo(context, flags))
  })
}

class Interrupted extends Error {}

async function demo({ io, output: outputFor }: Context, flags: Flags): Promise<ExitCode> {
  const output = outputFor(flags)
  const interrupt = new AbortController()
  const end = io.onStop(() => interrupt.abort(new Interrupted()))
  const folder = await makeFolder(flags.dir === undefined ? tmpdir() : resolve(io.cwd, flags.dir))
  try {
    if (!output.json) introduce(output, flags.seconds)
    const line = new LiveLine(io, output)
    const { signal } = interrupt
    const result = await runDemo({ seconds: flags.seconds, paths: pathsIn(folder), signal }, line)
    if (output.json) output.document(resultDocument(result))
    else printResult(result, output)
    return isProven(result) ? EXIT.ok : EXIT.failed
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    output.errorLine('interrupted')
    return EXIT.interrupted
  } finally {
    end()
    if (flags.keep === true) output.errorLine(`the files are in ${folder}`)
    else await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function makeFolder(parent: string): Promise<string> {
  await mkdir(parent, { recursive: true })
  return mkdtemp(join(parent, 'waybill-demo-'))
}

function introduce(output: Output, seconds: number): void {
  output.line(output.styled('bold', 'A shop, a relay and a receiver: three processes, one SQLite file.'))
  output.line(`For ${seconds} s the shop commits orders, each with a message in the same transaction; one in`)
  output.line('twenty is rolled back. The receiver fails, hangs and refuses. The relay between them is')
  output.line('killed at random moments. Then all that was committed is compared with all that arrived.')
  output.line()
}
