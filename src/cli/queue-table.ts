/** The table of `stats`, with rates when it is watched. */
import type { PausedQueue } from '../outbox/contract.js'
import { ageText, countText } from './message-view.js'
import type { Output } from './output.js'
import { oneLine } from './printable.js'
import type { RatedQueue } from './queue-rates.js'
import { queueName, type Queues, type QueueState } from './queues.js'
import { tableLines, type Column } from './table.js'

const COLUMNS: readonly Column[] = [
  { title: 'LANE/TARGET', shrinksTo: 16 },
  { title: 'READY', align: 'right' },
  { title: 'SCHEDULED', align: 'right' },
  { title: 'CLAIMED', align: 'right' },
  { title: 'DELIVERED', align: 'right' },
  { title: 'DEAD', align: 'right' },
  { title: 'OLDEST READY', align: 'right' },
]
const RATES: readonly Column[] = [{ title: 'IN/S', align: 'right' }, { title: 'OUT/S', align: 'right' }]
const PAUSED: Column = { title: 'PAUSED' }

export function queueLines(
  { queues, paused }: Queues & { readonly queues: readonly (QueueState | RatedQueue)[] }, output: Output,
): string[] {
  const others = paused.filter((each) => !queues.some((queue) => isSame(queue, each)))
  const notes = others.map((each) => output.styled('yellow', `paused: ${oneLine(pausedName(each))}`))
  if (queues.length === 0) return ['no messages', ...notes]
  const rated = queues.some((queue) => 'deliveredPerSecond' in queue)
  const anyPaused = queues.some((queue) => queue.paused)
  const columns = [...COLUMNS, ...(rated ? RATES : []), ...(anyPaused ? [PAUSED] : [])]
  const rows = queues.map((queue) => [
    ...rowOf(queue), ...ratesOf(queue), ...(anyPaused ? [queue.paused ? 'paused' : ''] : []),
  ])
  const [titles = '', ...lines] = tableLines(columns, rows, output.width)
  return [output.styled('bold', titles), ...lines, ...notes]
}

function rowOf(queue: QueueState): string[] {
  const { ready, scheduled, claimed, delivered, deadLetter, oldestReadyAgeMs } = queue
  return [
    queueName(queue),
    ...[ready, scheduled, claimed, delivered, deadLetter].map(countText),
    oldestReadyAgeMs === undefined ? '-' : ageText(oldestReadyAgeMs),
  ]
}

function ratesOf(queue: QueueState | RatedQueue): string[] {
  if (!('deliveredPerSecond' in queue)) return []
  return [queue.enqueuedPerSecond, queue.deliveredPerSecond].map((rate) => (rate === null ? '-' : countText(rate)))
}

function isSame(queue: QueueState, paused: PausedQueue): boolean {
  return queue.lane === paused.lane && queue.target === paused.target
}

function pausedName(queue: PausedQueue): string {
  return queue.target === undefined ? `all of ${queue.lane}` : queueName(queue)
}
