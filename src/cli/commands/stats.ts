/** `waybill stats`: how many messages are in which state, by lane and target. */
import { Command } from 'commander'
import type { OutboxStats } from '../../outbox/contract.js'
import { withConnection } from '../connection.js'
import type { Context } from '../context.js'
import { ageText, countText } from '../message-view.js'
import {
  withCommonOptions, withDatabaseOptions, withQueueOptions, type DatabaseFlags, type QueueFlags,
} from '../options.js'
import type { Output } from '../output.js'
import { tableLines, type Column } from '../table.js'

type Flags = DatabaseFlags & QueueFlags

const COLUMNS: readonly Column[] = [
  { title: 'LANE/TARGET', shrinksTo: 16 },
  { title: 'READY', align: 'right' },
  { title: 'SCHEDULED', align: 'right' },
  { title: 'CLAIMED', align: 'right' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'DEAD', align: 'right' },
  { title: 'OLDEST READY', align: 'right' },
]

export function statsCommand(context: Context): Command {
  const command = withQueueOptions(new Command('stats')
    .description('count messages by lane, target and state'))
  return withDatabaseOptions(withCommonOptions(command)).action(async (flags: Flags) => {
    const { lane, target, scope } = flags
    const output = context.output(flags)
    const queues = await withConnection(context.io, flags, ({ waybill }) => waybill.outbox.stats({
      ...(lane === undefined ? {} : { lane }),
      ...(target === undefined ? {} : { target }),
      ...(scope === undefined ? {} : { scope }),
    }))
    const sorted = [...queues].sort((a, b) => order(`${a.lane}/${a.target}`, `${b.lane}/${b.target}`))
    if (output.json) output.document({ queues: sorted })
    else print(output, sorted)
  })
}

function print(output: Output, queues: readonly OutboxStats[]): void {
  if (queues.length === 0) return output.line('no messages')
  const [titles = '', ...lines] = tableLines(COLUMNS, queues.map(rowOf), output.width)
  output.line(output.styled('bold', titles))
  for (const line of lines) output.line(line)
}

function rowOf(queue: OutboxStats): string[] {
  const { ready, scheduled, claimed, delivered, deadLetter, oldestReadyAgeMs } = queue
  return [
    `${queue.lane}/${queue.target}`,
    ...[ready, scheduled, claimed, delivered, deadLetter].map(countText),
    oldestReadyAgeMs === undefined ? '-' : ageText(oldestReadyAgeMs),
  ]
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
