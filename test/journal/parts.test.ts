/** The arithmetic of parts, on its own: what holds after any sequence of moves. */
import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import {
  afterForget, afterGive, afterJoin, afterLeave, afterRebase, afterRewind, afterTake,
} from '../../src/journal/parts.js'
import { slotCount } from '../../src/journal/slots.js'
import { ALL_SLOTS } from '../../src/journal/progress.js'
import {
  changesOf, NO_PUBLISHER, stateOf, type PartRecord, type PublisherRecord,
} from '../../src/journal/publisher-record.js'
import { forEachSeed, type SeededRandom } from '../../src/testkit/index.js'

const NOW = 1_000
const LEASE_MS = 100

function take(record: PublisherRecord, owner: string, now = NOW): PublisherRecord {
  return afterTake(record, { publisher: 'p', owner, leaseMs: LEASE_MS, follow: 'all', start: 'c0' }, now)
}

function partsOf({ parts }: PublisherRecord, owner: string | undefined): PartRecord[] {
  return parts.filter((part) => part.owner === owner)
}

function counts({ parts }: PublisherRecord): string[] {
  return parts.map(({ part, slots, owner, term }) => `${part}:${owner ?? '-'}:${slotCount(slots)}:t${term}`)
}

function give(record: PublisherRecord, part: PartRecord, slots: bigint): PublisherRecord | undefined {
  return afterGive(record, { publisher: 'p', part: part.part, term: part.term, slots })
}

describe('take', () => {
  test('the first has all; a second nothing, until the first gives', () => {
    const alone = take(NO_PUBLISHER, 'a')
    expect(counts(alone)).toEqual(['1:a:64:t1'])
    const two = take(alone, 'b')
    expect(counts(two)).toEqual(['1:a:64:t1'])
    const given = give(two, partsOf(two, 'a')[0]!, 0xffff_ffffn)!
    expect(counts(given)).toEqual(['1:a:32:t1', '2:-:32:t2'])
    expect(counts(take(given, 'b'))).toEqual(['1:a:32:t1', '2:b:32:t3'])
  })

  test('what has run out is divided, and its owner has neither half any more', () => {
    const left = take(take(NO_PUBLISHER, 'a'), 'c', NOW + 50)
    const taken = take(left, 'b', NOW + LEASE_MS)
    expect(taken.members.map(({ owner }) => owner)).toEqual(['c', 'b'])
    expect(counts(taken)).toEqual(['1:-:32:t2', '2:b:32:t3'])
    expect(taken.parts[1]).toMatchObject({ slots: 0xffff_ffffn, cursor: 'c0', leaseUntil: NOW + 2 * LEASE_MS })
    expect(counts(take(taken, 'a', NOW + LEASE_MS))).toEqual(['1:-:10:t2', '2:b:32:t3', '3:a:22:t4'])
  })

  test('an owner that comes back late, and before anybody else, goes on under its term', () => {
    const late = take(take(NO_PUBLISHER, 'a'), 'a', NOW + 50 * LEASE_MS)
    expect(counts(late)).toEqual(['1:a:64:t1'])
    expect(late.parts[0]?.leaseUntil).toBe(NOW + 51 * LEASE_MS)
  })

  test('the smallest parts are taken whole before one is divided', () => {
    let record = take(NO_PUBLISHER, 'a')
    for (const slots of [0b1n, 0b110n, 0b1111_1000n]) record = give(record, record.parts[0]!, slots)!
    record = take(afterLeave(record, 'a'), 'b')
    expect(counts(record).map((text) => text.slice(0, 4))).toEqual(['1:b:', '2:b:', '3:b:', '4:b:'])
    record = take(afterLeave(take(record, 'c'), 'b'), 'd')
    expect(counts(record)).toEqual(['1:-:32:t10', '2:d:1:t14', '3:d:2:t15', '4:d:5:t16', '5:d:24:t17'])
  })

  test('sixty-five members have one slot each, and the last has none', () => {
    let record = NO_PUBLISHER
    const owners = Array.from({ length: 65 }, (_, n) => `o${n}`)
    for (const owner of owners) record = take(record, owner)
    record = afterLeave(record, 'o0')
    record = { ...record, members: [...record.members, { owner: 'x', leaseUntil: NOW + LEASE_MS }] }
    for (const owner of owners) record = take(record, owner)
    expect(owners.map((owner) => partsOf(record, owner).length)).toEqual([...Array<number>(64).fill(1), 0])
  })
})

test('joining needs two parts of one owner with one cursor', () => {
  const alone = take(NO_PUBLISHER, 'a')
  const [first, second] = take(give(alone, alone.parts[0]!, 0xfn)!, 'a').parts as [PartRecord, PartRecord]
  const record = { ...alone, parts: [first, second] }
  const request = {
    publisher: 'p', owner: 'a', part: first.part, term: first.term, other: second.part, otherTerm: second.term,
  }
  expect(counts(afterJoin(record, request)!)).toEqual(['1:a:64:t3'])
  expect(afterJoin(record, request)!.parts[0]!.slots).toBe(ALL_SLOTS)
  expect(afterJoin(record, { ...request, owner: 'b' })).toBeUndefined()
  expect(afterJoin(record, { ...request, otherTerm: 1n })).toBeUndefined()
  expect(afterJoin(record, { ...request, other: 1, otherTerm: 1n })).toBeUndefined()
  expect(afterJoin({ ...record, parts: [first, { ...second, cursor: 'c1' }] }, request)).toBeUndefined()
})

test('terms go on above those of a publisher that was forgotten', () => {
  const forgotten = afterForget(take(NO_PUBLISHER, 'a'))!
  expect(stateOf('p', forgotten, NOW)).toBeUndefined()
  expect(counts(take(forgotten, 'a'))).toEqual(['1:a:64:t2'])
  expect(afterForget(forgotten)).toBeUndefined()
})

test('random moves: slots disjoint and complete, terms given once and new with each owner', async () => {
  await forEachSeed(Array.from({ length: 200 }, (_, n) => n + 1), async (random) => {
    let [record, now] = [NO_PUBLISHER, NOW]
    for (let step = 0; step < 80; step += 1) {
      now += random.pick([0, 0, 10, 40, LEASE_MS])
      const after = move(record, random, now)
      check(record, after, now)
      record = after
    }
  })
})

function move(record: PublisherRecord, random: SeededRandom, now: number): PublisherRecord {
  const owner = random.pick(['a', 'b', 'c', 'd', 'e'])
  const moves = [
    () => take(record, owner, now), () => take(record, owner, now), () => take(record, owner, now),
    () => giveSome(record, random), () => giveSome(record, random), () => joinSome(record, random),
    () => joinSome(record, random), () => (random.next() < 0.3 ? afterLeave(record, owner) : record),
    () => (random.next() < 0.2 ? afterRebase(record, { publisher: 'p', follow: 'all', cursor: 'c9' }) : record),
    () => (random.next() < 0.3 ? afterRewind(record, random.integer(0, 63)) ?? record : record),
    () => (random.next() < 0.1 ? afterForget(record) ?? record : record),
  ]
  return random.pick(moves)()
}

function giveSome(record: PublisherRecord, random: SeededRandom): PublisherRecord {
  if (record.parts.length === 0) return record
  const part = random.pick(record.parts)
  let slots = 0n
  for (let slot = 0n; slot < 64n; slot += 1n) if (random.next() < 0.4) slots |= 1n << slot
  return give(record, part, slots & part.slots) ?? record
}

function joinSome(record: PublisherRecord, random: SeededRandom): PublisherRecord {
  if (record.parts.length < 2) return record
  const [part, other] = random.shuffle(record.parts) as [PartRecord, PartRecord]
  const owner = part.owner ?? 'a'
  const request = { publisher: 'p', owner, part: part.part, term: part.term, other: other.part, otherTerm: other.term }
  return afterJoin(record, request) ?? record
}

/** Slot by slot, since parts divide and change their numbers. */
function check(before: PublisherRecord, after: PublisherRecord, now: number): void {
  const all = after.follow === undefined ? 0n : ALL_SLOTS
  assert.ok(after.lastTerm >= before.lastTerm)
  assert.equal(new Set(after.parts.map(({ part }) => part)).size, after.parts.length)
  assert.equal(after.parts.reduce((sum, { slots }) => sum + slots, 0n), all)
  assert.equal(after.parts.reduce((union, { slots }) => union | slots, 0n), all)
  for (const part of after.parts) {
    assert.ok(part.slots > 0n && part.term <= after.lastTerm)
    assert.ok(part.owner !== undefined || part.leaseUntil === 0)
    for (const old of before.parts.filter(({ slots }) => (slots & part.slots) !== 0n)) {
      assert.ok(part.term >= old.term)
      if (part.owner !== old.owner) assert.ok(part.term > old.term)
      const isHeld = old.owner !== undefined && old.leaseUntil > now
      if (isHeld && part.owner !== undefined) assert.equal(part.owner, old.owner)
    }
  }
  const { parts, endedParts, members, endedMembers } = changesOf(before, after)
  const changed = [...endedParts, ...parts.map(({ part }) => part)]
  const written = [...before.parts.filter(({ part }) => !changed.includes(part)), ...parts]
  assert.deepEqual(written.sort((a, b) => a.part - b.part), after.parts)
  const ended = [...endedMembers, ...members.map(({ owner }) => owner)]
  assert.deepEqual([...before.members.filter(({ owner }) => !ended.includes(owner)), ...members], after.members)
}
