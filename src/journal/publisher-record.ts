/**
 * What a store keeps of one publisher. A store reads it whole, under a lock of the publisher's, asks parts.ts what it
 * becomes, and writes `changesOf` the two.
 */
import type { PublisherPart, PublisherState } from './progress.js'

export interface PublisherRecord {
  /** Undefined: there is no such publisher, or none any more. */
  readonly follow: string | undefined
  /** The highest term that the publisher ever gave. It outlives the publisher: see parts.ts. */
  readonly lastTerm: bigint
  readonly parts: readonly PartRecord[]
  readonly members: readonly MemberRecord[]
}

export interface PartRecord extends Omit<PublisherPart, 'leaseMs'> {
  /** It holds before this time. 0 without an owner. */
  readonly leaseUntil: number
}

export interface MemberRecord {
  readonly owner: string
  /** It counts before this time. */
  readonly leaseUntil: number
}

export const NO_PUBLISHER: PublisherRecord = { follow: undefined, lastTerm: 0n, parts: [], members: [] }

/** That there is such a publisher is known. */
export type ExistingPublisher = PublisherRecord & { readonly follow: string }

/** Undefined when there is no such publisher. */
export function stateOf(publisher: string, record: ExistingPublisher, now: number): PublisherState
export function stateOf(publisher: string, record: PublisherRecord, now: number): PublisherState | undefined
export function stateOf(publisher: string, record: PublisherRecord, now: number): PublisherState | undefined {
  const { follow, parts, members } = record
  if (follow === undefined) return undefined
  return {
    publisher, follow, members: members.filter(({ leaseUntil }) => leaseUntil > now).length,
    parts: parts.map((part) => shownPart(part, now)),
  }
}

export function shownPart({ leaseUntil, ...part }: PartRecord, now: number): PublisherPart {
  return { ...part, leaseMs: Math.max(0, leaseUntil - now) }
}

export interface RecordChanges {
  readonly parts: readonly PartRecord[]
  readonly endedParts: readonly number[]
  readonly members: readonly MemberRecord[]
  readonly endedMembers: readonly string[]
  /** What it follows, or its last term. */
  readonly isPublisherChanged: boolean
}

/** What is to be written. Whatever is the same object in both is unchanged. */
export function changesOf(before: PublisherRecord, after: PublisherRecord): RecordChanges {
  const parts = new Set(after.parts.map(({ part }) => part))
  const members = new Set(after.members.map(({ owner }) => owner))
  return {
    parts: after.parts.filter((part) => !before.parts.includes(part)),
    endedParts: before.parts.map(({ part }) => part).filter((part) => !parts.has(part)),
    members: after.members.filter((member) => !before.members.includes(member)),
    endedMembers: before.members.map(({ owner }) => owner).filter((owner) => !members.has(owner)),
    isPublisherChanged: before.follow !== after.follow || before.lastTerm !== after.lastTerm,
  }
}
