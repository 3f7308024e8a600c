/** The end of the demo: a table and what it means, or one line of JSON. */
import { countText } from '../message-view.js'
import type { Output } from '../output.js'
import { padEnd, padStart } from '../printable.js'
import type { Tally } from './tally.js'

export interface DemoResult extends Tally {
  readonly kills: number
  readonly rolledBack: number
  /** How long the shop was open. */
  readonly seconds: number
  /** How long the relay needed after that. */
  readonly drainSeconds: number
}

export function isProven({ lost, phantom }: Tally): boolean {
  return lost === 0 && phantom === 0
}

/** The first six fields, in this order, are what scripts compare. */
export function resultDocument(result: DemoResult): object {
  const { committed, delivered, deadLettered, duplicates, lost, phantom, ...more } = result
  const { kills, rolledBack, seconds, retried, ...rest } = more
  const first = { committed, delivered, deadLettered, duplicates, lost, phantom }
  return { ...first, kills, rolledBack, seconds, retried, ...rest }
}

export function printResult(result: DemoResult, output: Output): void {
  const { committed, delivered, deadLettered, lost, phantom, duplicates } = result
  const bad = (count: number): 'green' | 'red' => (count === 0 ? 'green' : 'red')
  output.line()
  row(output, 'committed', committed, 'rows in the table of orders')
  row(output, 'delivered', delivered, 'different orders in the log of the receiver')
  row(output, 'dead letters', deadLettered, 'refused for good by the receiver; kept to be looked at')
  row(output, 'lost', lost, 'committed, but neither of the two', bad(lost))
  row(output, 'phantom', phantom, 'received, but not in the table', bad(phantom))
  row(output, 'duplicates', duplicates, duplicatesText(result))
  output.line()
  for (const line of verdictLines(result)) output.line(line)
}

function row(output: Output, name: string, count: number, meaning: string, format?: 'green' | 'red'): void {
  const plain = padStart(countText(count), 9)
  const number = format === undefined ? plain : output.styled(format, plain)
  output.line(`  ${padEnd(name, 13)}${number}   ${meaning}`)
}

function duplicatesText({ duplicates, duplicatesByKills, duplicatesByLateAnswers }: DemoResult): string {
  const others = duplicates - duplicatesByKills - duplicatesByLateAnswers
  const causes = [
    [duplicatesByKills, 'after a kill'],
    [duplicatesByLateAnswers, 'after a late answer'],
    [others, 'for other reasons'],
  ] as const
  const told = causes.filter(([count]) => count > 0).map(([count, cause]) => `${countText(count)} ${cause}`)
  return told.length === 0 ? 'received more than once' : `received again: ${told.join(', ')}`
}

function verdictLines(result: DemoResult): string[] {
  const { committed, delivered, deadLettered, lost, waiting, phantom, kills, rolledBack } = result
  if (lost > 0 && waiting === lost) {
    return [
      `Not finished: ${countText(waiting)} messages still wait in the outbox. None is gone, but the`,
      'relay did not get through them in time. Is this machine very busy?',
    ]
  }
  if (!isProven(result)) {
    return [
      `BROKEN: ${countText(lost)} committed orders lost, ${countText(phantom)} arrived that do not exist.`,
      'Please report this, with the files (--keep).',
    ]
  }
  return [
    `The books balance: ${countText(committed)} committed = ${countText(delivered)} delivered + `
      + `${countText(deadLettered)} dead letters.`,
    `The relay was killed ${kills} times in the middle of its work, and no order was lost.`,
    `${countText(rolledBack)} orders were rolled back, and none of their messages got out.`,
    'This was counted from the table of orders and the log of the receiver, not by Waybill.',
  ]
}
