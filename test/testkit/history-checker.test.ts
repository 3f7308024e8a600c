/** The checker is tested as what it judges is: on histories that are right, and on many that are wrong in one way. */
import { describe, expect, test } from 'vitest'
import {
  HistoryChecker, seededRandom, type CheckerOptions, type HistoryEvent, type Verdict,
} from '../../src/testkit/index.js'

/** An event without its time: the checker's clock ticks once per event. */
type Untimed = HistoryEvent extends infer Event ? Event extends HistoryEvent ? Omit<Event, 'at'> : never : never

const begin = (tx: string): Untimed => ({ kind: 'begin', tx })
const commit = (tx: string): Untimed => ({ kind: 'committed', tx })
const abort = (tx: string): Untimed => ({ kind: 'aborted', tx })
const lostReply = (tx: string): Untimed => ({ kind: 'unknown', tx })
const put = (tx: string, message: string, key?: string): Untimed => ({ kind: 'enqueue', tx, message, key, digest: `#${message}` })
const claim = (name: string, ...messages: string[]): Untimed => ({ kind: 'claimed', claim: name, messages })
const got = (message: string, digest = `#${message}`): Untimed => ({ kind: 'received', message, digest, accepted: true })
const refused = (message: string): Untimed => ({ kind: 'received', message, digest: `#${message}`, accepted: false })
const settle = (name: string, message: string): Untimed => ({ kind: 'settled', claim: name, message, answer: 'delivered' })
const fault = (until: number): Untimed => ({ kind: 'fault', name: 'kill', until })
const left = (message: string, status: 'pending' | 'claimed' | 'delivered' | 'dead_letter' = 'delivered'): Untimed =>
  ({ kind: 'final', message, status })
const end = (rows: number): Untimed => ({ kind: 'end', rows })

const OPTIONS: CheckerOptions = { ordering: 'block', recoveryMs: 1_000 }

function judge(events: readonly Untimed[], options: Partial<CheckerOptions> = {}): Verdict {
  const checker = new HistoryChecker({ ...OPTIONS, ...options })
  events.forEach((event, n) => checker.push({ ...event, at: n }))
  return checker.finish()
}

/** One transaction with these events in it, committed. */
const sent = (tx: string, ...messages: readonly [message: string, key?: string][]): Untimed[] =>
  [begin(tx), ...messages.map(([message, key]) => put(tx, message, key)), commit(tx)]

describe('histories that are right', () => {
  test.each<[string, readonly Untimed[], Partial<CheckerOptions>?]>([
    ['nothing happened', [end(0)]],
    ['one message', [...sent('t', ['a']), claim('c', 'a'), got('a'), settle('c', 'a'), left('a'), end(1)]],
    ['one that was rolled back', [begin('t'), put('t', 'a'), abort('t'), end(0)]],
    ['a refused delivery is tried again', [...sent('t', ['a']), refused('a'), got('a'), left('a'), end(1)]],
    ['poison dies', [...sent('t', ['p']), refused('p'), left('p', 'dead_letter'), end(1)], { isPoison: () => true }],
    ['a duplicate that a fault explains', [...sent('t', ['a']), got('a'), fault(5), got('a'), left('a'), end(1)]],
    ['a lost reply, and the table has it', [begin('t'), put('t', 'a'), lostReply('t'), got('a'), left('a'), end(1)]],
    ['a lost reply, and the table has it not', [begin('t'), put('t', 'a'), lostReply('t'), end(0)]],
    ['a takeover', [...sent('t', ['a']), claim('c', 'a'), claim('d', 'a'), got('a'), settle('d', 'a'), left('a'), end(1)]],
    ['in order', [...sent('t', ['a', 'k'], ['b', 'k']), got('a'), got('b'), left('a'), left('b'), end(2)]],
    ['two that overlapped, in either order', [
      begin('t'), begin('u'), put('t', 'a', 'k'), put('u', 'b', 'k'), commit('t'), commit('u'), got('b'), got('a'),
      left('a'), left('b'), end(2),
    ]],
    ['different keys in any order', [...sent('t', ['a', 'k'], ['b', 'l']), got('b'), got('a'), left('a'), left('b'), end(2)]],
    ['no order was asked for', [...sent('t', ['a', 'k'], ['b', 'k']), got('b'), got('a'), left('a'), left('b'), end(2)],
      { ordering: 'none' }],
    ['a dead letter is skipped', [
      ...sent('t', ['p', 'k'], ['b', 'k']), refused('p'), got('b'), left('p', 'dead_letter'), left('b'), end(2),
    ], { ordering: 'skip', isPoison: (message) => message === 'p' }],
  ])('%s', (_name, events, options) => {
    expect(judge(events, options)).toMatchObject({ verdict: 'valid', violations: [], gaps: [] })
  })

  test('counts what happened', () => {
    const events = [
      ...sent('t', ['a'], ['p']), begin('u'), put('u', 'x'), abort('u'), begin('v'), put('v', 'b'), lostReply('v'),
      fault(20), got('a'), got('a'), refused('p'), got('b'), left('a'), left('p', 'dead_letter'), left('b'), end(3),
    ]
    expect(judge(events, { isPoison: (message) => message === 'p' })).toMatchObject({
      verdict: 'valid',
      counts: { committed: 3, aborted: 1, decidedByTable: 1, delivered: 2, deadLetters: 1, duplicates: 1, faults: 1 },
    })
  })
})

const twice = [...sent('t', ['a', 'k']), ...sent('u', ['b', 'k'])]
const both = [left('a'), left('b'), end(2)]

describe('histories that are wrong', () => {
  test.each<[string, string, readonly Untimed[], Partial<CheckerOptions>?]>([
    ['committed, and gone', 'lost', [...sent('t', ['a']), end(0)]],
    ['committed and delivered, and the table has forgotten it', 'lost', [...sent('t', ['a']), got('a'), end(0)]],
    ['one of a batch is gone', 'lost', [...sent('t', ['a'], ['b']), got('a'), left('a'), end(1)]],
    ['rolled back, and received', 'phantom', [begin('t'), put('t', 'a'), abort('t'), got('a'), end(0)]],
    ['rolled back, and refused on purpose: it arrived all the same', 'phantom',
      [begin('t'), put('t', 'a'), abort('t'), refused('a'), end(0)]],
    ['rolled back, and in the table', 'phantom', [begin('t'), put('t', 'a'), abort('t'), left('a'), end(1)]],
    ['received, and nobody sent it', 'phantom', [got('a'), end(0)]],
    ['a lost reply, not in the table, and received', 'phantom', [begin('t'), put('t', 'a'), lostReply('t'), got('a'), end(0)]],
    ['half a transaction', 'torn', [begin('t'), put('t', 'a'), put('t', 'b'), lostReply('t'), got('a'), left('a'), end(1)]],
    ['a byte has changed', 'bytes', [...sent('t', ['a']), got('a', '#A'), left('a'), end(1)]],
    ['two payloads are swapped', 'bytes', [...sent('t', ['a'], ['b']), got('a', '#b'), got('b', '#a'), ...both]],
    ['the second overtook', 'order', [...twice, got('b'), got('a'), ...both]],
    ['the second was tried first, though refused', 'order', [...twice, refused('b'), got('a'), got('b'), ...both]],
    ['the second was tried while the first had only failed', 'order', [...twice, refused('a'), got('b'), got('a'), ...both]],
    ['the second of a transaction came first', 'order', [...sent('t', ['a', 'k'], ['b', 'k']), got('b'), got('a'), ...both]],
    ['the third overtook the first, though not the second', 'order', [
      ...twice, ...sent('v', ['c', 'k']), got('b'), got('c'), got('a'), left('a'), left('b'), left('c'), end(3),
    ]],
    ['in a lane that blocks, one behind a dead letter', 'order', [
      ...twice, refused('a'), got('b'), left('a', 'dead_letter'), left('b'), end(2),
    ], { isPoison: (message) => message === 'a' }],
    ['accepted twice, and nothing was broken', 'duplicate', [...sent('t', ['a']), got('a'), got('a'), left('a'), end(1)]],
    ['accepted twice, and the fault was over before', 'duplicate',
      [fault(1), ...sent('t', ['a']), got('a'), got('a'), left('a'), end(1)]],
    ['accepted three times, and a fault explains one', 'duplicate',
      [...sent('t', ['a']), got('a'), fault(4), got('a'), got('a'), left('a'), end(1)]],
    ['settled by who had lost it', 'stale-settle',
      [...sent('t', ['a']), claim('c', 'a'), claim('d', 'a'), got('a'), settle('c', 'a'), left('a'), end(1)]],
    ['pending at the end', 'stuck', [...sent('t', ['a']), left('a', 'pending'), end(1)]],
    ['claimed at the end', 'stuck', [...sent('t', ['a']), claim('c', 'a'), got('a'), left('a', 'claimed'), end(1)]],
    ['acked without having been sent', 'unsent', [...sent('t', ['a']), settle('c', 'a'), left('a'), end(1)]],
    ['a healthy message died', 'poison', [...sent('t', ['a']), refused('a'), left('a', 'dead_letter'), end(1)]],
    ['poison was delivered', 'poison', [...sent('t', ['a']), got('a'), left('a'), end(1)], { isPoison: () => true }],
    ['after a fault it took too long', 'late', [fault(1), ...sent('t', ['a']), got('a'), left('a'), end(1)], { recoveryMs: 0 }],
    ['two rows of one message', 'twice-in-table', [...sent('t', ['a']), got('a'), left('a'), left('a'), end(1)]],
    ['the count says more than the rows', 'count', [...sent('t', ['a']), got('a'), left('a'), end(2)]],
  ])('%s: %s', (_name, rule, events, options) => {
    const { verdict, violations } = judge(events, options)
    expect(verdict).toBe('invalid')
    expect([...new Set(violations.map((each) => each.rule))]).toEqual([rule])
  })

  test('the example holds what proves it and nothing else', () => {
    const { violations } = judge([...twice, got('b'), got('a'), ...both])
    expect(violations).toEqual([{
      rule: 'order', message: 'b',
      example: [
        { kind: 'committed', tx: 't', at: 2 }, { kind: 'begin', tx: 'u', at: 3 },
        { kind: 'received', message: 'b', digest: '#b', accepted: true, at: 6 },
        { kind: 'received', message: 'a', digest: '#a', accepted: true, at: 7 },
      ],
    }])
  })
})

describe('histories from which nothing follows', () => {
  test.each<[string, readonly Untimed[]]>([
    ['no end', [...sent('t', ['a']), got('a'), left('a')]],
    ['a transaction without an end', [begin('t'), put('t', 'a'), end(0)]],
    ['a transaction that never began', [put('t', 'a'), end(0)]],
    ['a transaction that begins twice', [begin('t'), begin('t'), commit('t'), end(0)]],
    ['a transaction that ends twice', [begin('t'), commit('t'), commit('t'), end(0)]],
    ['a message that is enqueued twice', [...sent('t', ['a']), ...sent('u', ['a']), got('a'), left('a'), end(1)]],
    ['events after the end', [end(0), begin('t'), abort('t')]],
  ])('%s', (_name, events) => {
    const { verdict, gaps, violations } = judge(events)
    expect({ verdict, violations }).toEqual({ verdict: 'unknown', violations: [] })
    expect(gaps.length).toBeGreaterThan(0)
  })

  test('events out of order', () => {
    const checker = new HistoryChecker(OPTIONS)
    checker.push({ kind: 'begin', tx: 't', at: 2 })
    checker.push({ kind: 'aborted', tx: 't', at: 1 })
    checker.push({ kind: 'end', rows: 0, at: 3 })
    expect(checker.finish().verdict).toBe('unknown')
  })
})

/** A queue that does everything right, one key at a time, written down. */
function rightHistory(seed: number): Untimed[] {
  const random = seededRandom(seed)
  const events: Untimed[] = []
  const waiting = new Map<string, string[]>()
  const table: Untimed[] = []
  const deliver = (): void => {
    const [key = '', line = []] = random.pick([...waiting])
    const message = line.shift() ?? ''
    if (line.length === 0) waiting.delete(key)
    const name = `c${events.length}`
    events.push(claim(name, message))
    while (random.next() < 0.2) events.push(refused(message))
    events.push(got(message), settle(name, message))
    table.push(left(message))
  }
  for (let n = 0; n < 30; n += 1) {
    const tx = `t${n}`
    events.push(begin(tx))
    const messages = Array.from({ length: random.integer(1, 3) }, (_, place) => [`${tx}-${place}`, `k${random.integer(1, 4)}`] as const)
    for (const [message, key] of messages) events.push(put(tx, message, key))
    const commits = random.next() < 0.8
    events.push(commits ? commit(tx) : abort(tx))
    for (const [message, key] of commits ? messages : []) waiting.set(key, [...waiting.get(key) ?? [], message])
    while (waiting.size > 0 && random.next() < 0.6) deliver()
  }
  while (waiting.size > 0) deliver()
  return [...events, ...table, end(table.length)]
}

describe('random histories', () => {
  const seeds = Array.from({ length: 200 }, (_, n) => n + 1)

  test('what a right queue writes is valid', () => {
    for (const seed of seeds) expect(judge(rightHistory(seed)), `seed ${seed}`).toMatchObject({ verdict: 'valid' })
  })

  /** Each breaks one event, as a broken relay or store would. */
  const BREAKS: Record<string, (events: Untimed[], at: number) => Untimed[]> = {
    'drops a delivery': (events, at) => events.filter((_, n) => n !== at),
    'delivers again': (events, at) => [...events.slice(0, at), events[at] as Untimed, ...events.slice(at)],
    'delivers at once at the end': (events, at) => {
      const rest = events.filter((_, n) => n !== at)
      const table = rest.findIndex(({ kind }) => kind === 'final')
      return [...rest.slice(0, table), events[at] as Untimed, ...rest.slice(table)]
    },
    'changes a byte': (events, at) => events.map((event, n) => (n === at ? { ...event, digest: '#?' } as Untimed : event)),
  }

  test.each(Object.entries(BREAKS))('a queue that %s is caught, unless its history is right all the same', (name, breaks) => {
    let caught = 0
    for (const seed of seeds) {
      const events = rightHistory(seed)
      const accepted = events.flatMap((event, n) => (event.kind === 'received' && event.accepted ? [n] : []))
      const { verdict } = judge(breaks(events, seededRandom(seed).pick(accepted)))
      if (verdict === 'invalid') caught += 1
    }
    // What was the last of its key may as well come last of all.
    expect(caught).toBeGreaterThanOrEqual(name === 'delivers at once at the end' ? 150 : 200)
  })
})
