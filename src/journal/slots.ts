/** Which slot a stream is in, and sets of slots. */
import { SLOTS, type SlotMask } from './progress.js'
import type { StreamName } from './event.js'

/**
 * FNV-1a over scope and name, folded to six bits. Stored with each event, and the same in every store and every
 * version: a cursor stands for the events of its slots.
 */
export function slotOf({ scope, stream }: StreamName): number {
  const hash = fnv(stream, fnv(scope, 0x811c9dc5))
  return (hash ^ (hash >>> 16)) & (SLOTS - 1)
}

export function slotMask(slot: number): SlotMask {
  return 1n << BigInt(slot)
}

export function hasSlot(slots: SlotMask, slot: number): boolean {
  return (slots & slotMask(slot)) !== 0n
}

export function slotCount(slots: SlotMask): number {
  let count = 0
  for (let rest = slots; rest !== 0n; rest &= rest - 1n) count += 1
  return count
}

/** At most so many of them. */
export function lowestSlots(slots: SlotMask, count: number): SlotMask {
  let rest = slots
  for (let n = 0; n < count && rest !== 0n; n += 1) rest &= rest - 1n
  return slots & ~rest
}

function fnv(text: string, seed: number): number {
  let hash = seed
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  }
  return hash
}
