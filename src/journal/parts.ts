/**
 * What becomes of a publisher's parts when somebody takes, gives, joins or leaves: arithmetic that is the same in
 * every store, without a store.
 *
 * Terms are counted by the publisher, not by the part, and the count outlives the publisher. So a term is given once:
 * to one part, for one owner. A late save fits neither another part that has come to bear the number of one that
 * ended, nor the parts of a publisher that was forgotten and made anew. A part that is freed gets a term, too, so that
 * what its last owner still has under way is late at once.
 *
 * Nothing here interleaves: a store has the publisher locked from reading the record to writing the next one, and a
 * save, which locks its part alone, comes before the part was read or finds another term.
 */
import { MAX_TIME } from '../core/validate.js'
import { publisherMismatch } from './conflicts.js'
import type { StreamName } from './event.js'
import {
  ALL_SLOTS, SLOTS, type GiveRequest, type HeldDraft, type JoinRequest, type RebaseRequest, type SlotMask,
  type TakeRequest,
} from './progress.js'
import type { ExistingPublisher, PartRecord, PublisherRecord } from './publisher-record.js'
import { hasSlot, lowestSlots, slotCount, slotOf } from './slots.js'

/** @throws PUBLISHER_MISMATCH. */
export function afterTake(record: PublisherRecord, request: TakeRequest, now: number): ExistingPublisher {
  const { owner, follow, start } = request
  const before = record.follow !== undefined ? record
    : { ...record, follow, parts: [wholePart(start, record.lastTerm)] }
  if (before.follow !== follow) throw publisherMismatch(request, before.follow)
  const leaseUntil = Math.min(now + request.leaseMs, MAX_TIME)
  const others = before.members.filter((member) => member.owner !== owner && member.leaseUntil > now)
  const members = [...others, { owner, leaseUntil }]
  const share = Math.ceil(SLOTS / members.length)
  let { lastTerm } = before
  const parts = new Map(before.parts.map((part) => [part.part, part.owner === owner ? { ...part, leaseUntil } : part]))
  let wanted = share - slotCount(slotsOf(before, owner))
  for (const part of takeable(before, owner, now)) {
    if (wanted <= 0) break
    const slots = lowestSlots(part.slots, wanted)
    const rest = part.slots & ~slots
    if (rest !== 0n) {
      const isFree = part.owner === undefined
      parts.set(part.part, isFree ? { ...part, slots: rest } : freed(part, rest, lastTerm += 1n))
    }
    const number = rest === 0n ? part.part : unusedNumber(parts)
    parts.set(number, { ...part, part: number, slots, owner, term: lastTerm += 1n, leaseUntil })
    wanted -= slotCount(slots)
  }
  return { follow, lastTerm, parts: byNumber(parts.values()), members }
}

/** Undefined when the term is stale, or the part has not all of these slots. */
export function afterGive(record: PublisherRecord, request: GiveRequest): PublisherRecord | undefined {
  const { part: number, term, slots } = request
  const part = findPart(record, number, term)
  if (part === undefined || slots === 0n || (slots & ~part.slots) !== 0n) return undefined
  const lastTerm = record.lastTerm + 1n
  const parts = new Map(record.parts.map((each) => [each.part, each]))
  const given = freed(part, slots, lastTerm)
  if (slots === part.slots) parts.set(number, given)
  else {
    const other = unusedNumber(parts)
    parts.set(number, { ...part, slots: part.slots & ~slots }).set(other, { ...given, part: other })
  }
  return { ...record, lastTerm, parts: byNumber(parts.values()) }
}

/** Undefined when they are not two of the owner's with one cursor. The higher term, so that no slot's decreases. */
export function afterJoin(record: PublisherRecord, request: JoinRequest): PublisherRecord | undefined {
  const { owner } = request
  const part = findPart(record, request.part, request.term)
  const other = findPart(record, request.other, request.otherTerm)
  if (part === undefined || other === undefined || part === other) return undefined
  if (part.owner !== owner || other.owner !== owner || part.cursor !== other.cursor) return undefined
  const joined = {
    ...part, slots: part.slots | other.slots, term: part.term > other.term ? part.term : other.term,
    leaseUntil: Math.min(part.leaseUntil, other.leaseUntil),
  }
  return { ...record, parts: replaced(record.parts.filter((each) => each !== other), part, joined) }
}

export function afterLeave(record: PublisherRecord, owner: string): PublisherRecord {
  let { lastTerm } = record
  const parts = record.parts.map((part) => (part.owner === owner ? freed(part, part.slots, lastTerm += 1n) : part))
  return { ...record, lastTerm, parts, members: record.members.filter((member) => member.owner !== owner) }
}

/** Whoever worked on it takes part in it as before, unless it follows something else now. */
export function afterRebase(record: PublisherRecord, { follow, cursor }: RebaseRequest): PublisherRecord {
  const lastTerm = record.lastTerm + 1n
  const members = record.follow === follow ? record.members : []
  return { follow, lastTerm, parts: [wholePart(cursor, lastTerm)], members }
}

/** Undefined when there is no such publisher. */
export function afterRewind(record: PublisherRecord, slot: number): PublisherRecord | undefined {
  const part = record.parts.find(({ slots }) => hasSlot(slots, slot))
  if (part === undefined) return undefined
  const lastTerm = record.lastTerm + 1n
  return { ...record, lastTerm, parts: replaced(record.parts, part, { ...part, term: lastTerm }) }
}

/** From where the streams of redriven dead letters are held, and what their parts become: each has another term. */
export function afterRedrive(
  record: PublisherRecord, dead: readonly (StreamName & { readonly sequence: bigint })[],
): { readonly record: PublisherRecord; readonly holds: readonly HeldDraft[] } {
  const holds = new Map<string, HeldDraft>()
  for (const { scope, stream, sequence } of dead) {
    const key = JSON.stringify([scope, stream])
    const { slot, from, to } = holds.get(key)
      ?? { slot: slotOf({ scope, stream }), from: sequence, to: sequence }
    holds.set(key, {
      scope, stream, slot, from: sequence < from ? sequence : from, to: sequence > to ? sequence : to,
      attempts: 0, retryInMs: 0, error: '',
    })
  }
  const slots = new Set([...holds.values()].map(({ slot }) => slot))
  const after = [...slots].reduce((each, slot) => afterRewind(each, slot) ?? each, record)
  return { record: after, holds: [...holds.values()] }
}

/** Undefined when there is no such publisher. */
export function afterForget(record: PublisherRecord): PublisherRecord | undefined {
  return record.follow === undefined ? undefined : { ...record, follow: undefined, parts: [], members: [] }
}

function wholePart(cursor: string | undefined, term: bigint): PartRecord {
  return { part: 1, slots: ALL_SLOTS, cursor, owner: undefined, term, leaseUntil: 0 }
}

function freed(part: PartRecord, slots: SlotMask, term: bigint): PartRecord {
  return { ...part, slots, owner: undefined, term, leaseUntil: 0 }
}

function replaced(parts: readonly PartRecord[], part: PartRecord, by: PartRecord): readonly PartRecord[] {
  return parts.map((each) => (each === part ? by : each))
}

function slotsOf(record: PublisherRecord, owner: string): SlotMask {
  return record.parts.reduce((slots, part) => (part.owner === owner ? slots | part.slots : slots), 0n)
}

/** Free ones and those whose lease has run out, the smallest first, so that few are divided. */
function takeable({ parts }: PublisherRecord, owner: string, now: number): PartRecord[] {
  return parts
    .filter((part) => part.owner !== owner && (part.owner === undefined || part.leaseUntil <= now))
    .sort((a, b) => slotCount(a.slots) - slotCount(b.slots) || a.part - b.part)
}

function findPart({ parts }: PublisherRecord, number: number, term: bigint): PartRecord | undefined {
  return parts.find((part) => part.part === number && part.term === term)
}

/** No part is empty, so there are at most as many as slots. */
function unusedNumber(parts: ReadonlyMap<number, PartRecord>): number {
  let number = 1
  while (parts.has(number)) number += 1
  return number
}

function byNumber(parts: Iterable<PartRecord>): readonly PartRecord[] {
  return [...parts].sort((a, b) => a.part - b.part)
}
