/** Histories written by hand: one that is valid, and what is wrong in the others. */
import { describe, expect, test } from 'vitest'
import type { PartState, RunEvent } from '../../chaos/journal/history/events.js'
import { PublishingChecker } from '../../chaos/journal/history/publishing-checker.js'
import type { Verdict } from '../../chaos/journal/history/verdict.js'

type EventOf<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>

const LEASE_MS = 1_000
const ALL = 'ffffffffffffffff'

function judge(...events: readonly RunEvent[]): Verdict {
  const checker = new PublishingChecker({
    recoveryMs: 500, leaseMs: LEASE_MS, poison: (event) => (event.endsWith('?') ? 2 : undefined),
  })
  for (const event of events) checker.push(event)
  return checker.finish()
}

const rulesOf = (verdict: Verdict): string[] => [...new Set(verdict.violations.map(({ rule }) => rule))].sort()

const begin = (at: number, tx: string): RunEvent => ({ kind: 'begin', at, tx })
const append = (at: number, tx: string, event: string, stream = 's'): RunEvent => (
  { kind: 'append', at, tx, event, stream, digest: event })
const committed = (at: number, tx: string, sequences = {}): RunEvent => ({ kind: 'committed', at, tx, sequences })
const ended = (at: number, kind: 'aborted' | 'unknown', tx: string): RunEvent => ({ kind, at, tx })
const received = (at: number, event: string, sequence: number, more: Partial<EventOf<'received'>> = {}): RunEvent => ({
  kind: 'received', at, event, digest: event, accepted: true, id: `id ${event}`, stream: 's', sequence, attempt: 1,
  part: 1, term: 1, begunAt: at, ...more,
})
const stored = (event: string, sequence: number, more: Partial<EventOf<'stored'>> = {}): RunEvent => (
  { kind: 'stored', at: 9_000, event, id: `id ${event}`, stream: 's', sequence, digest: event, ...more })
const dead = (event: string, attempts: number): RunEvent => ({ kind: 'dead', at: 9_000, id: `id ${event}`, attempts })
const end = (rows: number, more: Partial<EventOf<'end'>> = {}): RunEvent => (
  { kind: 'end', at: 9_001, rows, heldStreams: 0, unfinished: [], ...more })
const fault = (at: number, until: number): RunEvent => ({ kind: 'fault', at, until, name: 'fault' })
const part = (owner: string | undefined, term: number, slots = ALL, number = 1): PartState => (
  { part: number, term, slots, owner })
const taken = (at: number, owner: string, ...parts: PartState[]): RunEvent => (
  { kind: 'taken', at, askedAt: at - 1, owner, parts })
const saved = (at: number, owner: string, term: number, isWritten: boolean): RunEvent => (
  { kind: 'saved', at, owner, part: 1, term, isWritten })

/** Two events of a stream, committed one after the other. */
const TWO = [
  begin(1, 'a'), append(2, 'a', 'e1'), committed(3, 'a', { e1: 1 }),
  begin(4, 'b'), append(5, 'b', 'e2'), committed(6, 'b', { e2: 2 }),
] as const
const BOTH = [stored('e1', 1), stored('e2', 2)] as const

test('a run as it should be is valid', () => {
  const verdict = judge(...TWO, taken(7, 'x', part('x', 1)), received(10, 'e1', 1), received(11, 'e2', 2),
    saved(12, 'x', 1, true), ...BOTH, end(2))
  expect(verdict.violations).toEqual([])
  expect(verdict.verdict).toBe('valid')
  expect(verdict.counts).toMatchObject({ committed: 2, delivered: 2, duplicates: 0, terms: 1 })
})

test('a history without an end, or with a transaction without one, proves nothing', () => {
  expect(judge(...TWO, received(10, 'e1', 1), received(11, 'e2', 2), ...BOTH).verdict).toBe('unknown')
  expect(judge(begin(1, 'a'), append(2, 'a', 'e1'), end(0)).verdict).toBe('unknown')
})

describe('what was committed', () => {
  test('and never delivered is lost', () => {
    expect(rulesOf(judge(...TWO, received(10, 'e1', 1), ...BOTH, end(2)))).toEqual(['lost'])
  })

  test('and is not in the journal is lost', () => {
    expect(rulesOf(judge(...TWO, received(10, 'e1', 1), stored('e1', 1), end(2)))).toEqual(['count', 'lost'])
  })

  test('and has another number than was answered, or another in the delivery, is reported', () => {
    const [one, two] = [received(10, 'e1', 1), received(11, 'e2', 2)]
    const swapped = [stored('e1', 2), stored('e2', 1)]
    expect(rulesOf(judge(...TWO, one, two, ...swapped, end(2)))).toEqual(['bytes', 'sequence'])
  })

  test('and has a hole before it is reported', () => {
    const [tx, event] = [begin(1, 'a'), append(2, 'a', 'e1')]
    expect(rulesOf(judge(tx, event, committed(3, 'a'), received(9, 'e1', 2), stored('e1', 2), end(1))))
      .toEqual(['gap', 'order'])
  })

  test('and came later than it may is late', () => {
    const events = [...TWO, received(10, 'e1', 1), received(507, 'e2', 2)]
    expect(rulesOf(judge(...events, ...BOTH, end(2)))).toEqual(['late'])
    expect(judge(fault(7, 8), ...TWO.slice(0, 0), end(0)).counts.recoveryMs).toBe(0)
  })
})

describe('what was not committed', () => {
  const aborted = [begin(1, 'a'), append(2, 'a', 'e1'), ended(3, 'aborted', 'a')] as const
  const unknown = [begin(1, 'a'), append(2, 'a', 'e1'), append(2, 'a', 'e2'), ended(3, 'unknown', 'a')] as const

  test('and was delivered or stored is a phantom', () => {
    expect(rulesOf(judge(...aborted, received(4, 'e1', 1), end(0)))).toEqual(['phantom'])
    expect(rulesOf(judge(...aborted, stored('e1', 1), end(1)))).toEqual(['phantom'])
  })

  test('as far as anybody knows is what the journal says, all of it alike', () => {
    expect(judge(...unknown, end(0)).verdict).toBe('valid')
    expect(judge(...unknown, received(4, 'e1', 1), received(5, 'e2', 2), ...BOTH, end(2)).verdict).toBe('valid')
    expect(rulesOf(judge(...unknown, ...BOTH, end(2)))).toEqual(['lost'])
    expect(rulesOf(judge(...unknown, received(4, 'e1', 1), stored('e1', 1), end(1)))).toEqual(['torn'])
  })

  test('and was appended again with its key is there once', () => {
    const again = [begin(4, 'b'), append(5, 'b', 'e1'), append(5, 'b', 'e2'), committed(6, 'b', { e1: 1, e2: 2 })]
    const delivered = [received(7, 'e1', 1), received(8, 'e2', 2)]
    expect(judge(...unknown, ...again, ...delivered, ...BOTH, end(2)).verdict).toBe('valid')
    expect(rulesOf(judge(...unknown, ...again, ...delivered, ...BOTH, stored('e1', 3), end(2)))).toContain('twice')
  })
})

describe('the order of first deliveries', () => {
  test('is that of the stream', () => {
    expect(rulesOf(judge(...TWO, received(10, 'e2', 2), received(11, 'e1', 1), ...BOTH, end(2)))).toEqual(['order'])
  })

  test('waits for an event that was refused', () => {
    const refused = received(10, 'e1', 1, { accepted: false })
    const again = received(12, 'e1', 1, { attempt: 2 })
    expect(rulesOf(judge(...TWO, refused, received(11, 'e2', 2), again, ...BOTH, end(2)))).toEqual(['order'])
    expect(judge(...TWO, refused, again, received(13, 'e2', 2), ...BOTH, end(2)).verdict).toBe('valid')
  })

  test('goes on behind one that was given up, and not before', () => {
    const poison = [begin(1, 'a'), append(2, 'a', 'e1?'), append(2, 'a', 'e2'), committed(3, 'a')]
    const tries = [received(4, 'e1?', 1, { accepted: false }), received(5, 'e1?', 1, { accepted: false, attempt: 2 })]
    const both = [stored('e1?', 1), stored('e2', 2)]
    expect(judge(...poison, ...tries, received(6, 'e2', 2), ...both, dead('e1?', 2), end(2)).verdict).toBe('valid')
    expect(rulesOf(judge(...poison, ...tries, received(6, 'e2', 2), ...both, end(2)))).toEqual(['lost'])
    expect(rulesOf(judge(...poison, ...tries, received(6, 'e2', 2), ...both, dead('e1?', 1), end(2)))).toEqual(['poison'])
  })
})

test('a repeat needs a fault between', () => {
  const repeated = [received(10, 'e1', 1), received(11, 'e2', 2), received(12, 'e2', 2), ...BOTH, end(2)] as const
  expect(rulesOf(judge(...TWO, ...repeated))).toEqual(['duplicate'])
  const explained = judge(...TWO, fault(7, 11), ...repeated)
  expect(explained.verdict).toBe('valid')
  expect(explained.counts.duplicates).toBe(1)
})

describe('terms', () => {
  const owners = [taken(100, 'x', part('x', 1)), taken(2_000, 'y', part('y', 2))] as const

  test('a save under one that was over must have been refused', () => {
    expect(rulesOf(judge(...owners, saved(2_001, 'x', 1, true), end(0)))).toEqual(['stale-save'])
    const refused = judge(...owners, saved(2_001, 'x', 1, false), end(0))
    expect(refused.verdict).toBe('valid')
    expect(refused.counts.refusedSaves).toBe(1)
  })

  test('a save that was asked before the next owner had its answer may have come first', () => {
    expect(judge(owners[0], saved(1_999, 'x', 1, true), owners[1], end(0)).verdict).toBe('valid')
  })

  test('a delivery begun under one that was over needs a fault', () => {
    const events = [...TWO, ...owners, received(2_010, 'e1', 1, { begunAt: 2_005 }), received(2_020, 'e2', 2, { term: 2 })]
    const final = [...BOTH, end(2)] as const
    expect(rulesOf(judge(fault(0, 0), ...events, ...final))).toContain('stale-delivery')
    const explained = judge(fault(0, 2_100), ...events, ...final)
    expect(explained.verdict).toBe('valid')
    expect(explained.counts.staleDeliveries).toBe(1)
  })

  test('a slot is not given away while a lease on it surely holds, unless it was given back', () => {
    const [first, second] = [taken(100, 'x', part('x', 1)), taken(500, 'y', part('y', 2))]
    expect(rulesOf(judge(first, second, end(0)))).toEqual(['two-owners'])
    expect(judge(first, { kind: 'gave', at: 300, owner: 'x' }, second, end(0)).verdict).toBe('valid')
    expect(judge(first, taken(1_200, 'y', part('y', 2)), end(0)).verdict).toBe('valid')
  })

  test('never go back, and all slots are in one part each', () => {
    expect(rulesOf(judge(owners[0], owners[1], taken(4_000, 'x', part('x', 1)), end(0)))).toEqual(['term'])
    expect(rulesOf(judge(taken(1, 'x', part('x', 1, '1')), end(0)))).toEqual(['term'])
    expect(rulesOf(judge(taken(1, 'x', part('x', 1), part('x', 2, '1', 2)), end(0)))).toContain('term')
  })
})

test('in the end nothing is held, and nothing is left to publish', () => {
  expect(rulesOf(judge(end(0, { heldStreams: 1 })))).toEqual(['unfinished'])
  expect(rulesOf(judge(end(0, { unfinished: ['e1'] })))).toEqual(['unfinished'])
  expect(rulesOf(judge(end(1)))).toEqual(['count'])
})
