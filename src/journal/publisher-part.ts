/**
 * What a publisher knows of one part while it works on it. All of it is synchronous state; nothing here waits.
 *
 *     cursor ──► page ─┬─ delivered ──────────────────────────► passed
 *                      ├─ failed ──► its stream is held ──────► passed; tried again from the stream itself
 *                      ├─ of a held stream ──► the hold is longer ──► passed
 *                      └─ given back untried ─┬─ nothing behind it was delivered ──► read again from there
 *                                             └─ else its stream is held, with no failed tries ──► passed
 *
 * The latter because what was delivered behind it would come twice, here or in the process that has the part next.
 *
 * What may be saved is the cursor behind the longest run of passed events, with the holds as they are at that moment.
 * Events beyond that run that were delivered are delivered again after a crash.
 *
 * A hold says that everything of its stream up to `to` has been passed by the cursor, and that all before `from` has
 * been delivered or given up. It is why a stream keeps its order while others go on, and it is one row however
 * many events are behind: they are read from the stream when it is its turn.
 */
import type { StorePage } from './contract.js'
import type { JournalEvent, StreamName } from './event.js'
import { offsetKey } from './offset-store.js'
import type { DeadDraft, HeldDraft, HeldStream, PartProgress, PublisherPart, SlotMask } from './progress.js'
import { hasSlot, slotOf } from './slots.js'

export interface Hold extends StreamName {
  from: bigint
  to: bigint
  /** Failed tries of the event at `from`. */
  attempts: number
  /** Monotonic. */
  dueAt: number
  error: string
  /** Its events are being delivered. */
  busy: boolean
}

type HoldStart = Pick<Hold, 'from' | 'attempts' | 'dueAt' | 'error'>

/** Where an event of a page stands. */
const PENDING = 0
const RETURNED = 1
/** Delivered, given up, or of a held stream. */
const PASSED = 2
/** Not followed, or published before: to read it again costs nothing. */
const SKIPPED = 3

export interface UnsavedProgress extends PartProgress {
  /** By `offsetKey`: the last numbers, where progress is kept by stream. */
  readonly published: ReadonlyMap<string, bigint>
}

/** What a save writes, and how it is taken back when it was not written. */
export interface Unsaved {
  readonly progress: UnsavedProgress
  restore(): void
}

/** A page some of whose events are not passed. */
export class OpenPage {
  readonly page: StorePage
  readonly states: Uint8Array
  /** Events without an outcome. */
  pending = 0
  /** How many of the first events are passed. */
  passed = 0
  #places: Map<string, number> | undefined
  #next = 0

  constructor(page: StorePage) {
    this.page = page
    this.states = new Uint8Array(page.events.length)
  }

  get isPassed(): boolean {
    const { states } = this
    while (this.passed < states.length && Number(states[this.passed]) >= PASSED) this.passed += 1
    return this.passed === states.length
  }

  pass(place: number): void {
    if (this.states[place] === SKIPPED) return
    if (this.states[place] === PENDING) this.pending -= 1
    this.states[place] = PASSED
  }

  giveBack(place: number): void {
    if (this.states[place] !== PENDING) return
    this.pending -= 1
    this.states[place] = RETURNED
  }

  /** Whether this event of the page has no outcome. */
  isPending(id: string): boolean {
    return this.states[this.#placesById().get(id) ?? -1] === PENDING
  }

  /** Outcomes mostly come in the order of the events, so the next one is looked at first. */
  placeOf(id: string): number {
    const { events } = this.page
    if (events[this.#next]?.id === id) return this.#next++
    const place = this.#placesById().get(id) ?? -1
    this.#next = place + 1
    return place
  }

  #placesById(): ReadonlyMap<string, number> {
    return this.#places ??= new Map(this.page.events.map((event, place) => [event.id, place]))
  }
}

export class WorkingPart {
  readonly part: number
  /** Changes only when another part is joined to this one, while nothing of it is under way. */
  term: bigint
  slots: SlotMask
  /** Where the next page is read from. */
  cursor: string | undefined
  readonly holds = new Map<string, Hold>()
  /** Somebody else has it now: nothing of it may be saved, and what is open is forgotten. */
  isLost = false
  /** Slots to be given back once nothing of the part is under way. */
  shedding: SlotMask = 0n
  /** Events passed since the last save. */
  unsaved = 0
  /** The cursor has passed events, though perhaps none that are followed. */
  hasMoved = false
  /** The monotonic time of the last save. */
  savedAt = -Infinity
  #saved: string | undefined
  /** Behind all events that have left `#pages`. */
  #reached: string | undefined
  #pages: OpenPage[] = []
  #hasReturned = false
  readonly #changed = new Set<string>()
  #freed = new Map<string, StreamName>()
  #dead: DeadDraft[] = []
  readonly #offsets: ReadonlyMap<string, bigint> | undefined
  /** Published since the last save, where offsets are kept. */
  #published = new Map<string, bigint>()

  /** @param offsets where progress is kept by stream: how far each is. */
  constructor({ part, term, slots, cursor }: PublisherPart, offsets?: ReadonlyMap<string, bigint>) {
    this.part = part
    this.term = term
    this.slots = slots
    this.cursor = this.#saved = this.#reached = cursor
    this.#offsets = offsets
  }

  /** Nothing of it is under way. */
  get isQuiet(): boolean {
    if (this.#pages.length > 0) return false
    for (const { busy } of this.holds.values()) if (busy) return false
    return true
  }

  /** Something was given back untried: nothing behind it may be read before all that is under way has its outcome. */
  get hasReturned(): boolean {
    return this.#hasReturned
  }

  load(holds: readonly HeldStream[], now: number): void {
    for (const { scope, stream, from, to, attempts, retryInMs, error } of holds) {
      this.holds.set(streamKey({ scope, stream }), {
        scope, stream, from, to, attempts, dueAt: now + retryInMs, error, busy: false,
      })
    }
  }

  /** Takes a page in. The events that are to be delivered now are called back with, in order. */
  open(
    page: StorePage, isFollowed: (event: JournalEvent) => boolean, deliver: (event: JournalEvent) => void,
  ): OpenPage {
    const open = new OpenPage(page)
    page.events.forEach((event, place) => {
      if (!isFollowed(event) || this.#isPublished(event)) open.states[place] = SKIPPED
      else if (this.#isHeld(event)) open.states[place] = PASSED
      else {
        open.pending += 1
        deliver(event)
      }
    })
    this.cursor = page.cursor
    this.hasMoved ||= page.hasMoved
    this.#pages.push(open)
    this.#shift()
    return open
  }

  delivered(open: OpenPage, place: number): void {
    if (open.states[place] !== PENDING) return
    open.pass(place)
    const event = open.page.events[place]
    if (event !== undefined) this.published(event)
    this.#shift()
  }

  published(event: JournalEvent): void {
    this.unsaved += 1
    if (this.#offsets !== undefined) this.#published.set(offsetKey(event), event.sequence)
  }

  /** Given back untried. */
  returned(open: OpenPage, place: number): void {
    if (open.states[place] !== PENDING) return
    const event = open.page.events[place]
    if (event !== undefined && this.#isHeld(event)) open.pass(place)
    else {
      open.giveBack(place)
      this.#hasReturned = true
    }
    this.#shift()
  }

  /** Nobody will say any more what becomes of what is under way: it is given back. */
  abandon(): void {
    for (const open of this.#pages) open.states.forEach((_state, place) => open.giveBack(place))
    this.#hasReturned = true
    this.#shift()
  }

  /** This one and those behind it of its stream that were read already are passed, and the stream is held. */
  hold(open: OpenPage, place: number, next: HoldStart): void {
    const event = open.page.events[place]
    if (event === undefined) return
    open.pass(place)
    const hold: Hold = { scope: event.scope, stream: event.stream, ...next, to: event.sequence, busy: false }
    for (const each of this.#pages) {
      each.page.events.forEach((other, index) => {
        if (other.sequence <= event.sequence || other.stream !== event.stream || other.scope !== event.scope) return
        if (other.sequence > hold.to) hold.to = other.sequence
        // Untried ones are still to be given back; they are no longer waited for.
        each.pass(index)
      })
    }
    this.#keep(streamKey(event), hold)
    this.#shift()
  }

  /** The hold after its event at `from` had an outcome. */
  advance(key: string, next: Partial<HoldStart>): void {
    const hold = this.holds.get(key)
    if (hold !== undefined) this.#keep(key, Object.assign(hold, next))
  }

  /** Without those that are shed. */
  shed(): void {
    this.slots &= ~this.shedding
    this.shedding = 0n
    for (const [key, hold] of this.holds) {
      if (!hasSlot(this.slots, slotOf(hold))) this.holds.delete(key)
    }
  }

  /** Becomes one with another at the same cursor; nothing of the two is under way. */
  absorb(other: WorkingPart): void {
    // The parts go on under the higher term, so that a slot's never falls.
    if (other.term > this.term) this.term = other.term
    this.slots |= other.slots
    for (const [key, hold] of other.holds) this.holds.set(key, hold)
    other.isLost = true
  }

  giveUp(dead: DeadDraft): void {
    this.#dead.push(dead)
  }

  /**
   * What is to be saved now, or undefined when that is nothing. It counts as saved at once, so that what happens
   * while it is being written is for the next save; call `restore` when it was not written. A cursor that has only
   * passed what others follow is worth a save now and then: `alsoMoved`.
   */
  takeUnsaved(now: number, alsoMoved = false): Unsaved | undefined {
    const cursor = this.reached
    const [changed, freed, dead, published] = [[...this.#changed], this.#freed, this.#dead, this.#published]
    const isSame = cursor === this.#saved || (this.unsaved === 0 && !(alsoMoved && this.hasMoved))
    if (isSame && changed.length + freed.size + dead.length + published.size === 0) return undefined
    const before = { unsaved: this.unsaved, savedAt: this.savedAt, saved: this.#saved, moved: this.hasMoved }
    const held = changed.flatMap((key) => {
      const hold = this.holds.get(key)
      return hold === undefined ? [] : [heldDraft(hold, now)]
    })
    Object.assign(this, { unsaved: 0, savedAt: now, hasMoved: false })
    this.#saved = cursor
    this.#changed.clear()
    this.#freed = new Map()
    this.#dead = []
    this.#published = new Map()
    return {
      progress: { part: this.part, term: this.term, cursor, held, freed: [...freed.values()], dead, published },
      restore: () => {
        this.unsaved += before.unsaved
        this.savedAt = before.savedAt
        this.#saved = before.saved
        this.hasMoved ||= before.moved
        for (const key of changed) if (this.holds.has(key)) this.#changed.add(key)
        for (const [key, name] of freed) if (!this.holds.has(key)) this.#freed.set(key, name)
        this.#dead = [...dead, ...this.#dead]
        this.#published = new Map([...published, ...this.#published])
      },
    }
  }

  #isPublished(event: JournalEvent): boolean {
    if (this.#offsets === undefined) return false
    const key = offsetKey(event)
    return event.sequence <= (this.#published.get(key) ?? this.#offsets.get(key) ?? 0n)
  }

  #isHeld(event: JournalEvent): boolean {
    if (this.holds.size === 0) return false
    const key = streamKey(event)
    const hold = this.holds.get(key)
    if (hold === undefined) return false
    if (event.sequence > hold.to) this.#keep(key, Object.assign(hold, { to: event.sequence }))
    return true
  }

  #keep(key: string, hold: Hold): void {
    if (hold.from > hold.to) {
      this.#changed.delete(key)
      if (this.holds.delete(key)) this.#freed.set(key, { scope: hold.scope, stream: hold.stream })
      return
    }
    this.holds.set(key, hold)
    this.#changed.add(key)
    this.#freed.delete(key)
  }

  #shift(): void {
    this.#leavePassed()
    if (!this.#hasReturned || this.#pages.some(({ pending }) => pending > 0)) return
    this.#holdReturned()
    this.#leavePassed()
    this.cursor = this.#reached = this.reached
    this.#pages = []
    this.#hasReturned = false
  }

  #leavePassed(): void {
    for (let first = this.#pages[0]; first?.isPassed === true; first = this.#pages[0]) {
      this.#pages.shift()
      this.#reached = first.page.cursor
    }
  }

  /**
   * Of what was given back, all that is before the last passed event. What follows of these streams is read again: it
   * makes the hold longer, or comes when that has ended.
   */
  #holdReturned(): void {
    const lastPage = this.#pages.findLastIndex(({ states }) => states.includes(PASSED))
    for (const [n, { page, states }] of this.#pages.slice(0, lastPage + 1).entries()) {
      const end = n === lastPage ? states.lastIndexOf(PASSED) : states.length
      for (const [place, event] of page.events.slice(0, end).entries()) {
        if (states[place] !== RETURNED) continue
        states[place] = PASSED
        this.#holdUntried(event)
      }
    }
  }

  #holdUntried(event: JournalEvent): void {
    const key = streamKey(event)
    const { scope, stream, sequence } = event
    const hold = this.holds.get(key)
      ?? { scope, stream, from: sequence, to: sequence, attempts: 0, dueAt: -Infinity, error: '', busy: false }
    this.#keep(key, Object.assign(hold, { to: sequence }))
  }

  /** Behind all that was passed without a hole. */
  get reached(): string | undefined {
    const [first] = this.#pages
    return first === undefined || (!first.isPassed && first.passed === 0) ? this.#reached
      : first.page.cursorAfter(first.passed)
  }
}

export function streamKey({ scope, stream }: StreamName): string {
  return `${scope}\n${stream}`
}

function heldDraft({ scope, stream, from, to, attempts, dueAt, error }: Hold, now: number): HeldDraft {
  const retryInMs = Math.max(0, Math.ceil(dueAt - now))
  return { scope, stream, slot: slotOf({ scope, stream }), from, to, attempts, retryInMs, error }
}
