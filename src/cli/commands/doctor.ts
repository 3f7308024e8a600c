/** `waybill doctor`: looks for what would break the promises, or keeps messages from flowing. */
import { Command } from 'commander'
import { skipped, type Finding, type FindingState } from '../../core/diagnosis.js'
import { isWaybillError } from '../../core/errors.js'
import { diagnoseOutbox } from '../../outbox/diagnosis.js'
import { withAnyConnection, type Connection, type RedisConnection } from '../connection.js'
import type { Context } from '../context.js'
import { EXIT } from '../exit-codes.js'
import { withCommonOptions, withRedisOptions, type DatabaseFlags } from '../options.js'
import type { Format, Output } from '../output.js'
import { oneLine } from '../printable.js'

const FORMATS: Readonly<Record<FindingState, Format>> = {
  ok: 'green', warning: 'yellow', problem: 'red', skipped: 'dim',
}
const STATES: readonly FindingState[] = ['problem', 'warning', 'skipped', 'ok']

export function doctorCommand(context: Context): Command {
  const command = new Command('doctor').description('look for what is wrong with the database and the flow of messages')
    .addHelpText('after', '\nThe exit code is 0 without problems, warnings or not, 3 with one, 1 without a connection.')
  return withRedisOptions(withCommonOptions(command)).action(async (flags: DatabaseFlags) => {
    const output = context.output(flags)
    const findings = (await withAnyConnection(context.io, flags, (connection) =>
      diagnose(connection, context.io.now()))).map((finding) => masked(finding, output))
    const healthy = !findings.some(({ state }) => state === 'problem')
    if (output.json) output.document({ healthy, findings })
    else print(output, findings)
    context.exitWith(healthy ? EXIT.ok : EXIT.unhealthy)
  })
}

async function diagnose(connection: Connection | RedisConnection, now: number): Promise<readonly Finding[]> {
  if ('redis' in connection) return connection.redis.diagnose()
  const { store } = connection
  const findings = await store.diagnose?.() ?? []
  try {
    return [...findings, ...await diagnoseOutbox(store.outbox, now)]
  } catch (error) {
    // What keeps the outbox from being read is told by the store's own findings, if it has any.
    if (!findings.some(({ state }) => state === 'problem') || isWaybillError(error, 'STORE_UNAVAILABLE')) throw error
    return [...findings, skipped('outbox', 'the outbox cannot be read before the problems above are solved')]
  }
}

function masked(finding: Finding, output: Output): Finding {
  const { found, advice } = finding
  return {
    ...finding, found: output.masked(found), ...(advice === undefined ? {} : { advice: output.masked(advice) }),
  }
}

function print(output: Output, findings: readonly Finding[]): void {
  const width = Math.max(...findings.map(({ name }) => name.length))
  const indent = ' '.repeat(7 + 2 + width + 2)
  for (const { name, state, found, advice } of findings) {
    output.line(`${output.styled(FORMATS[state], state.padEnd(7))}  ${name.padEnd(width)}  ${oneLine(found)}`)
    if (advice !== undefined) output.line(`${indent}${output.styled('bold', 'next:')} ${oneLine(advice)}`)
  }
  const counts = STATES.map((state) => [findings.filter((each) => each.state === state).length, state] as const)
  output.line()
  output.line(`${findings.length} checks: ${counts.filter(([count]) => count > 0)
    .map(([count, state]) => `${count} ${state}`).join(', ')}`)
}
