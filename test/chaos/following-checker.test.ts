/** Histories written by hand: one that is valid, and what is wrong in the others. */
import { describe, expect, test } from 'vitest'
import { digestOfChanges, digestOfRows } from '../../chaos/feeds/history/digest.js'
import type { GapEvent, RowChange, RunEvent, StoredPlace, WrittenResult } from '../../chaos/feeds/history/events.js'
import { FollowingChecker } from '../../chaos/feeds/history/following-checker.js'
import type { Verdict } from '../../chaos/feeds/history/verdict.js'

type EventOf<Kind extends RunEvent['kind']> = Extract<RunEvent, { kind: Kind }>

const FEED = 'f'
const LEASE_MS = 1_000
const CAPACITY = 2

function judge(...events: readonly RunEvent[]): Verdict {
  const checker = new FollowingChecker({
    recoveryMs: 500, leaseMs: LEASE_MS, capacities: { [FEED]: CAPACITY },
    subscribers: { s: { feeds: [FEED], fromSnapshot: false } },
  })
  for (const event of events.toSorted((a, b) => a.at - b.at)) checker.push(event)
  return checker.finish()
}

const rulesOf = (verdict: Verdict): string[] => [...new Set(verdict.violations.map(({ rule }) => rule))].sort()

const begin = (at: number, tx: string): RunEvent => ({ kind: 'begin', at, tx })
const ended = (at: number, kind: 'committed' | 'aborted' | 'unknown', tx: string): RunEvent => ({ kind, at, tx })
const began = (at: number, tx: string, incarnation: string, rows: readonly RowChange[] = []): RunEvent => (
  { kind: 'began', at, tx, feed: FEED, incarnation, rows })
/** The result `r<n>` sets the row `k` to `v<n>`. */
const changesOf = (number: number): RowChange[] => [['k', `v${number}`]]
const result = (number: number, sequence = number): WrittenResult => (
  { result: `r${number}`, sequence, digest: digestOfChanges(changesOf(number)), changes: changesOf(number) })
const wrote = (at: number, tx: string, number: number, sequence = number, incarnation = 'i'): RunEvent => (
  { kind: 'wrote', at, tx, feed: FEED, incarnation, results: [result(number, sequence)] })
/** A transaction of one result, as it should be. */
const produced = (at: number, number: number, sequence = number, incarnation = 'i'): RunEvent[] => [
  begin(at, `t${number}`), wrote(at + 1, `t${number}`, number, sequence, incarnation),
  ended(at + 2, 'committed', `t${number}`), order(number),
]
const order = (number: number): RunEvent => ({ kind: 'order', at: 9_000, tx: `t${number}` })
const received = (at: number, number: number, more: Partial<EventOf<'received'>> = {}): RunEvent => ({
  kind: 'received', at, accepted: true, subscriber: 's', feed: FEED, term: 1, begunAt: at,
  results: [[number, `r${number}`, digestOfChanges(changesOf(number))]], ...more,
})
const snapshot = (at: number, sequence: number, rows: readonly RowChange[], incarnation = 'i'): RunEvent => (
  received(at, 0, { results: [], snapshot: { incarnation, sequence, digest: digestOfRows(rows) } }))
const place = (sequence: number, incarnation = 'i'): StoredPlace => ({ feed: FEED, incarnation, sequence })
const taken = (at: number, owner: string, term: number): RunEvent => (
  { kind: 'taken', at, askedAt: at - 1, owner, subscriber: 's', term, checkpoints: [] })
const saved = (at: number, sequence: number, more: Partial<EventOf<'saved'>> = {}): RunEvent => ({
  kind: 'saved', at, owner: 'x', subscriber: 's', term: 1, checkpoints: [place(sequence)], isWritten: true, ...more,
})
const gap = (at: number, more: Partial<GapEvent>): RunEvent => ({
  kind: 'gap', at, subscriber: 's', feed: FEED, incarnation: 'i', reason: 'evicted', action: 'skipped', requested: 0,
  earliest: 1, latest: 0, ...more,
})
const fault = (at: number, until: number): RunEvent => ({ kind: 'fault', at, until, name: 'fault' })

/** Of as many results, all well, the last of them kept. */
function finished(last: number, { incarnation = 'i', ...more }: Partial<EventOf<'feed'>> = {}): RunEvent[] {
  const rows = digestOfRows(last === 0 ? [] : changesOf(last))
  const log = [last - 1, last].filter((number) => number > 0)
    .map((number) => [number, `r${number}`, digestOfChanges(changesOf(number))] as const)
  return [
    { kind: 'feed', at: 9_001, feed: FEED, incarnation, sequence: last, rows, own: rows, log, ...more },
    { kind: 'checkpoint', at: 9_002, subscriber: 's', ...place(last, incarnation) },
    { kind: 'end', at: 9_003 },
  ]
}

/** Two results, one after the other. */
const TWO = [...produced(10, 1), ...produced(20, 2)]
const OWNED = [taken(5, 'x', 1), saved(6, 0)]

test('a run as it should be is valid', () => {
  const verdict = judge(...TWO, ...OWNED, received(30, 1), received(40, 2), saved(50, 2), ...finished(2))
  expect(verdict.violations).toEqual([])
  expect(verdict.verdict).toBe('valid')
  expect(verdict.counts).toMatchObject({ committed: 2, delivered: 2, duplicates: 0, terms: 1, incarnations: 1 })
})

test('a history without an end, or with a transaction without one, proves nothing', () => {
  expect(judge(...TWO, ...OWNED, received(30, 1), received(40, 2), ...finished(2).slice(0, 2)).verdict).toBe('unknown')
  expect(judge(...TWO, begin(22, 't9'), ...OWNED, received(30, 1), received(40, 2), ...finished(2)).verdict)
    .toBe('unknown')
})

test('a gap that was told loses nothing, and rows stand for results', () => {
  const three = [...TWO, ...produced(30, 3)]
  const told = gap(40, { requested: 0, earliest: 2, latest: 3, lost: [1, 1] })
  const skipped = judge(...three, ...OWNED, told, received(50, 2), received(60, 3), ...finished(3))
  expect(rulesOf(skipped)).toEqual([])
  const reset = gap(40, { action: 'reset', requested: 0, earliest: 2, latest: 3, lost: [1, 3] })
  const replaced = judge(...three, ...OWNED, reset, snapshot(50, 3, changesOf(3)), saved(60, 3), ...finished(3))
  expect(rulesOf(replaced)).toEqual([])
})

test('an unknown end is what the application\'s table says', () => {
  const tx = [begin(21, 't3'), wrote(22, 't3', 3), ended(23, 'unknown', 't3')]
  const both = [...TWO, ...OWNED, received(30, 1), received(40, 2)]
  expect(rulesOf(judge(...both, ...tx, order(3), received(50, 3), ...finished(3)))).toEqual([])
  expect(rulesOf(judge(...both, ...tx, ...finished(2)))).toEqual([])
})

describe('what is wrong is found by its rule, and by no other', () => {
  const all = [received(30, 1), received(40, 2)]
  const wrong: readonly [rule: string, what: string, events: readonly RunEvent[]][] = [
    ['lost', 'a commit that the table does not have', [
      ...TWO, begin(21, 't9'), ended(22, 'committed', 't9'), ...OWNED, ...all, ...finished(2)]],
    ['lost', 'a result that nobody was told of', [...TWO, ...OWNED, received(30, 1), ...finished(2)]],
    ['phantom', 'an aborted result that is delivered', [
      begin(10, 't1'), wrote(11, 't1', 1), ended(12, 'aborted', 't1'), ...OWNED, received(30, 1), ...finished(0)]],
    ['phantom', 'a result that nobody wrote', [...TWO, ...OWNED, ...all, received(50, 7), ...finished(2)]],
    ['phantom', 'an aborted transaction that the table has', [
      ...TWO, begin(21, 't9'), ended(22, 'aborted', 't9'), order(9), ...OWNED, ...all, ...finished(2)]],
    ['bytes', 'other changes', [
      ...TWO, ...OWNED, received(30, 1), received(40, 2, { results: [[2, 'r2', 'other']] }), ...finished(2)]],
    ['hole', 'a number that nobody has', [
      ...produced(1, 8, 1, 'h'), ...produced(4, 9, 3, 'h'), ...TWO, ...OWNED, ...all, ...finished(2)]],
    ['twice', 'a number that two have', [
      ...produced(1, 8, 1, 'h'), ...produced(4, 9, 1, 'h'), ...TWO, ...OWNED, ...all, ...finished(2)]],
    ['sequence', 'a lower number for a later transaction', [
      ...produced(10, 2), ...produced(20, 1), ...OWNED, ...all, ...finished(2)]],
    ['incarnation', 'a feed that begins anew as what it was', [
      begin(1, 't0'), began(2, 't0', 'i'), ended(3, 'committed', 't0'), order(0),
      begin(7, 't7'), began(8, 't7', 'i'), ended(9, 'committed', 't7'), order(7),
      ...TWO, ...OWNED, ...all, ...finished(2)]],
    ['order', 'the second before the first', [...TWO, ...OWNED, received(30, 2), received(40, 1), ...finished(2)]],
    ['order', 'a result of an incarnation that is over', [
      ...TWO, ...OWNED, received(30, 1), begin(31, 't0'), began(32, 't0', 'j'), ended(33, 'committed', 't0'), order(0),
      ...produced(34, 3, 1, 'j'), received(40, 3, { results: [[1, 'r3', digestOfChanges(changesOf(3))]] }),
      received(50, 2), ...finished(3, {
        incarnation: 'j', sequence: 1, log: [[1, 'r3', digestOfChanges(changesOf(3))]] }).map((event) => (
        event.kind === 'checkpoint' ? { ...event, sequence: 1 } : event))]],
    ['checkpoint', 'a checkpoint before the side effect', [
      ...TWO, ...OWNED, received(30, 1), saved(35, 2), received(40, 2), ...finished(2)]],
    ['checkpoint', 'one that whoever takes over finds beyond what was done', [
      ...TWO, ...OWNED, received(30, 1), { ...taken(35, 'x', 1), checkpoints: [place(2)] } as RunEvent,
      received(40, 2), ...finished(2)]],
    ['gap', 'told to be lost, and kept', [
      ...TWO, ...OWNED, gap(25, { requested: 0, earliest: 2, latest: 2, lost: [1, 1] }), received(40, 2),
      ...finished(2)]],
    ['gap', 'told a range that is too short', [
      ...TWO, ...produced(23, 3), ...produced(26, 4), ...OWNED,
      gap(30, { requested: 0, earliest: 3, latest: 4, lost: [2, 2] }), received(31, 1), received(40, 3),
      received(50, 4), ...finished(4)]],
    ['snapshot', 'rows of another number', [
      ...TWO, ...OWNED, ...all, snapshot(50, 1, changesOf(2)), ...finished(2)]],
    ['duplicate', 'accepted again for no reason', [...TWO, ...OWNED, ...all, received(50, 2), ...finished(2)]],
    ['stale-save', 'written under a term that was over', [
      ...TWO, ...OWNED, ...all, taken(2_000, 'y', 2), saved(2_010, 2), ...finished(2)]],
    ['stale-delivery', 'begun under a term that was over', [
      ...TWO, ...OWNED, received(30, 1), taken(2_000, 'y', 2), received(2_010, 2), fault(2_200, 2_300),
      ...finished(2)]],
    ['two-owners', 'given away while a lease holds', [
      ...TWO, ...OWNED, taken(100, 'y', 2), received(130, 1, { term: 2 }), received(140, 2, { term: 2 }),
      ...finished(2)]],
    ['late', 'long after its commit', [...TWO, ...OWNED, received(30, 1), received(2_000, 2), ...finished(2)]],
    ['rows', 'rows that the application has otherwise', [
      ...TWO, ...OWNED, ...all, ...finished(2, { own: digestOfRows(changesOf(1)) })]],
    ['log', 'a result that is kept no more', [
      ...TWO, ...OWNED, ...all, ...finished(2, { log: [[2, 'r2', digestOfChanges(changesOf(2))]] })]],
    ['unfinished', 'a checkpoint that stays behind', [
      ...TWO, ...OWNED, ...all, ...finished(2).map((event) => (
        event.kind === 'checkpoint' ? { ...event, sequence: 1 } : event))]],
  ]
  test.each(wrong)('%s: %s', (rule, _what, events) => {
    const verdict = judge(...events)
    expect(rulesOf(verdict)).toEqual([rule])
    expect(verdict.verdict).toBe('invalid')
  })

  test('skipped: a later one was delivered, and this one never', () => {
    const verdict = judge(...TWO, ...OWNED, received(40, 2), ...finished(2))
    // It is also lost, in the end: nobody was told of it.
    expect(rulesOf(verdict)).toEqual(['lost', 'skipped'])
  })
})

test('a fault explains what comes again, and what is begun late', () => {
  const again = judge(...TWO, ...OWNED, received(30, 1), received(40, 2), fault(45, 60), received(50, 2), ...finished(2))
  expect(rulesOf(again)).toEqual([])
  expect(again.counts.duplicates).toBe(1)
  const late = judge(...TWO, ...OWNED, received(30, 1), fault(1_500, 2_500), taken(2_000, 'y', 2), received(2_010, 2),
    ...finished(2))
  expect(rulesOf(late)).toEqual([])
  expect(late.counts.staleDeliveries).toBe(1)
})

test('results of a batch do not overtake each other, refused or not', () => {
  const both = [1, 2].map((number) => [number, `r${number}`, digestOfChanges(changesOf(number))] as const)
  const verdict = judge(...TWO, ...OWNED, received(30, 1, { accepted: false, results: both }),
    received(40, 1, { results: both }), ...finished(2))
  expect(rulesOf(verdict)).toEqual([])
})

test('a refused delivery is not done', () => {
  const verdict = judge(...TWO, ...OWNED, received(30, 1, { accepted: false }), received(40, 2), ...finished(2))
  expect(rulesOf(verdict)).toEqual(['lost', 'skipped'])
})
