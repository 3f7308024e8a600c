/** `waybill relay`: runs the relays of the configuration until it is told to stop. */
import { Command, Option } from 'commander'
import type { EventDefinitions } from '../../outbox/events.js'
import type { RelayOptions } from '../../outbox/relay-options.js'
import type { Relay } from '../../outbox/relay.js'
import { CliError } from '../cli-error.js'
import { withConnection, type Connection } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT, type ExitCode } from '../exit-codes.js'
import type { Io, StopSignal } from '../io.js'
import { duration, withCommonOptions, withDatabaseOptions, type DatabaseFlags } from '../options.js'
import type { Output } from '../output.js'
import { tellOutcomes } from '../relay-lines.js'

type Flags = DatabaseFlags & { readonly stopTimeout: number }

export function relayCommand(context: Context): Command {
  const timeout = new Option('--stop-timeout <duration>', 'how long a stop waits for deliveries under way')
  const command = new Command('relay')
    .description('run the relays of the configuration until SIGTERM or SIGINT')
    .addOption(timeout.argParser(duration).default(30_000, '30s'))
    .addHelpText('after', `
The first SIGTERM or SIGINT starts a drain: nothing new is claimed, deliveries under way are waited for. The
exit code is 0 when all of them ended, 1 when some did not in time, 130 when a second signal cut it short.`)
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const output = context.output(flags)
    context.exitWith(await withConnection(context.io, flags, (connection) =>
      runRelays(connection, context.io, output, flags.stopTimeout)))
  })
}

async function runRelays(
  connection: Connection, io: Io, output: Output, stopTimeoutMs: number,
): Promise<ExitCode> {
  const relays = createRelays(connection)
  const signals = new SignalQueue(io)
  try {
    // Fails now, and not in a loop, when the schema is missing or the database is not there.
    await connection.waybill.outbox.list({ limit: 1 })
    for (const relay of relays) tellOutcomes(relay, output, io.now)
    await Promise.all(relays.map((relay) => relay.start()))
    const count = `${relays.length} ${relays.length === 1 ? 'relay' : 'relays'}`
    tell(output, io, 'started', `${count} on ${connection.description}`)
    const signal = await signals.next()
    tell(output, io, 'stopping', `${signal}: finishing what is under way, at most ${stopTimeoutMs} ms`)
    return await stopRelays(relays, signals, output, io, stopTimeoutMs)
  } finally {
    signals.end()
    await Promise.all(relays.map((relay) => relay[Symbol.asyncDispose]()))
  }
}

function createRelays({ waybill, loaded }: Connection): Relay<EventDefinitions>[] {
  const options = loaded?.config.relays ?? []
  if (loaded === undefined || options.length === 0) {
    throw new CliError('CONFIG_INVALID', loaded === undefined ? 'there is no configuration in this folder'
      : `${loaded.path} has no relays`, {
      next: loaded === undefined ? 'write one with `waybill init`, or name it with --config'
        : 'add `relays: [{ handlers: { … } }]` to it',
      exitCode: EXIT.usage,
    })
  }
  return options.map((each) => waybill.relay(each as RelayOptions<EventDefinitions>))
}

async function stopRelays(
  relays: readonly Relay<EventDefinitions>[], signals: SignalQueue, output: Output, io: Io, timeoutMs: number,
): Promise<ExitCode> {
  const stopped = Promise.all(relays.map((relay) => relay.stop({ timeoutMs })))
  const forced = signals.next().then(() => 'forced' as const)
  if (await Promise.race([stopped, forced]) === 'forced') {
    tell(output, io, 'forced', 'a second signal; what was under way is delivered again after its lease')
    await Promise.all(relays.map((relay) => relay.stop({ timeoutMs: 0 })))
    return EXIT.interrupted
  }
  const results = await stopped
  const sum = (name: 'finished' | 'released' | 'abandoned'): number =>
    results.reduce((total, result) => total + result[name], 0)
  const abandoned = sum('abandoned')
  const given = `${sum('released')} given back`
  tell(output, io, 'stopped', `${sum('finished')} finished, ${given}, ${abandoned} abandoned`)
  return abandoned === 0 ? EXIT.ok : EXIT.failed
}

function tell(output: Output, io: Io, event: string, text: string): void {
  if (output.json) output.document({ at: io.now(), event, text })
  else output.line(output.styled('bold', `${event}: ${text}`))
}

/** Signals in the order they came, also those that nobody waited for yet. */
class SignalQueue {
  readonly end: () => void
  readonly #come: StopSignal[] = []
  #waiting: ((signal: StopSignal) => void) | undefined

  constructor(io: Io) {
    this.end = io.onStop((signal) => {
      if (this.#waiting === undefined) this.#come.push(signal)
      else this.#waiting(signal)
      this.#waiting = undefined
    })
  }

  next(): Promise<StopSignal> {
    const [first] = this.#come.splice(0, 1)
    if (first !== undefined) return Promise.resolve(first)
    return new Promise((resolve) => { this.#waiting = resolve })
  }
}
