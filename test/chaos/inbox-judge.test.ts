/** The judge of the inbox's fault run: each rule by the smallest run that breaks it. */
import { expect, test } from 'vitest'
import type { DeliveryEnd } from '../../chaos/inbox/events.js'
import { InboxJudge, type InboxVerdict } from '../../chaos/inbox/judge.js'
import { CONSUMERS, deliveriesOf, receiversOf } from '../../chaos/inbox/plan.js'

interface Run {
  /** Of message 0. */
  readonly ends: readonly DeliveryEnd[]
  readonly effects?: readonly string[]
  readonly records?: readonly string[]
  readonly count?: number
}

function judged({ ends, effects = ['m-0'], records = ['m-0'], count = 1 }: Run): InboxVerdict {
  const judge = new InboxJudge()
  for (const [at, end] of ends.entries()) judge.push({ kind: 'delivery', at, consumer: 'c', messages: [0], end })
  return judge.finish(count, { effects, records })
}

const VALID: readonly (readonly DeliveryEnd[])[] = [
  ['done'], ['done', 'skipped', 'skipped'], ['aborted', 'in_progress', 'done'], ['unknown', 'skipped'],
]

test.each(VALID.map((ends) => [ends]))('valid: %j', (ends) => {
  expect(judged({ ends })).toMatchObject({ verdict: 'valid', violations: [], gaps: [], effects: 1 })
})

test.each([
  ['lost', { ends: ['done'], effects: [], records: [] }],
  ['lost', { ends: ['skipped'], effects: [] }],
  ['duplicate', { ends: ['done', 'skipped'], effects: ['m-0', 'm-0'] }],
  ['phantom', { ends: ['done'], effects: ['m-0', 'm-1'], records: ['m-0', 'm-1'] }],
  ['record', { ends: ['done'], records: [] }],
  ['record', { ends: ['aborted', 'done'], effects: [] }],
  ['twice', { ends: ['done', 'done'] }],
] as const)('%s: %j', (rule, run) => {
  const { verdict, violations } = judged(run)
  expect(verdict).toBe('invalid')
  expect(violations.map((violation) => violation.rule)).toContain(rule)
})

test('what nobody acknowledged is a gap, and so is a run of nothing', () => {
  expect(judged({ ends: ['aborted', 'unknown'], effects: [], records: [] }))
    .toMatchObject({ verdict: 'unknown', gaps: ['no delivery of m-0 was acknowledged'] })
  expect(judged({ ends: [], effects: [], records: [], count: 0 }).verdict).toBe('unknown')
})

test('messages are delivered 1 to 5 times, each often, to all consumers', () => {
  const counts = Array.from({ length: 1_000 }, (_, number) => deliveriesOf(number))
  expect([...new Set(counts)].toSorted()).toEqual([1, 2, 3, 4, 5])
  expect(Math.min(...[1, 2, 3, 4, 5].map((size) => counts.filter((count) => count === size).length))).toBeGreaterThan(100)
  const receivers = new Set(counts.flatMap((count, number) => {
    const of = receiversOf(number)
    expect(of).toHaveLength(count)
    return of
  }))
  expect(receivers.size).toBe(CONSUMERS)
})
