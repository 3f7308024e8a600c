/**
 * The parts a publisher's process works on: which are its own, and when it takes, renews, shares and joins them.
 *
 * Nothing is written while there is nothing to do. A process renews its leases while it delivers; once they have run
 * out it goes on looking for events with the cursors it knows, and takes its parts again, under the same term if
 * nobody else did, before it delivers any. So a part is in doubt for its owner exactly as a claim is for a relay.
 *
 * Now and then each process looks at all parts, by a read: when the soonest lease of another ends, at the latest after
 * a third of a lease. It takes what nobody owns, and what is owned but not held if there is something to deliver
 * in it; the events are the proof that its owner does not, since an owner takes its part again when it sees them.
 *
 * What can interleave: `take`, `give` and `join` of one process come one after another, and none of them touches a
 * part with anything under way. Between processes the store decides, by terms.
 */
import type { PublisherSettings } from './publisher-options.js'
import { WorkingPart, type UnsavedProgress } from './publisher-part.js'
import { SLOTS, type ProgressStore, type PublisherPart, type PublisherState } from './progress.js'
import { lowestSlots, slotCount } from './slots.js'

/** What of the contract a publisher uses. */
export interface Progress extends Pick<ProgressStore, 'look' | 'take' | 'give' | 'join' | 'leave' | 'holds'> {
  save(request: SaveOfParts): Promise<readonly boolean[]>
  /** Where progress is kept by stream: how far each is. What is published is then told with each save. */
  readonly offsets?: ReadonlyMap<string, bigint>
}

export interface SaveOfParts {
  readonly publisher: string
  readonly parts: readonly UnsavedProgress[]
}

/** All that parts that were joined can have: what is held must be known, or it is overtaken. */
const MAX_HELD_STREAMS = 1_000_000

/** As leases of the runner: clocks may differ in speed by a tenth. */
const TRUSTED = 0.9

export interface WorkingPartsPorts {
  readonly progress: Progress
  readonly settings: PublisherSettings
  readonly followText: string
  readonly start: () => Promise<string | undefined>
  /** Whether there is anything behind the cursor of this part. */
  readonly hasEvents: (parts: readonly PublisherPart[]) => Promise<boolean>
  readonly save: (part: WorkingPart) => Promise<void>
  readonly now: () => number
}

export class WorkingParts {
  readonly #ports: WorkingPartsPorts
  readonly #parts = new Map<number, WorkingPart>()
  #trustedUntil = -Infinity
  #grantedAt = -Infinity
  #lookAt = -Infinity
  #start: { readonly cursor: string | undefined } | undefined
  /** One at a time. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve()
  #renewing: Promise<void> | undefined

  constructor(ports: WorkingPartsPorts) {
    this.#ports = ports
  }

  get all(): readonly WorkingPart[] {
    return [...this.#parts.values()]
  }

  /** How long what was granted still counts from now, as the runner's leases do. */
  leaseLeftMs(): number {
    return this.#grantedAt + this.#ports.settings.leaseMs - this.#ports.now()
  }

  /** The first time, and then whenever it is time to look at the others. */
  async arrange(isBusy: boolean): Promise<void> {
    if (this.#ports.now() < this.#lookAt) return this.#tidy()
    await this.#inTurn(async () => {
      if (isBusy || this.#start === undefined) return this.#take()
      const state = await this.#ports.progress.look(this.#ports.settings.name)
      if (state === undefined || await this.#hasWork(state)) return this.#take()
      this.#drop(state)
      this.#lookAfter(state)
    })
    await this.#saveMoved()
    await this.#tidy()
  }

  /** Before a delivery: whether the leases are surely ours. Those that have run out are taken again. */
  async hold(): Promise<void> {
    const { leaseMs } = this.#ports.settings
    if (this.#ports.now() > this.#grantedAt + leaseMs / 2) await this.renew()
  }

  /** Renews the leases, unless that was done within the last third of one. */
  async renew(): Promise<void> {
    const { leaseMs } = this.#ports.settings
    if (this.#ports.now() < this.#grantedAt + leaseMs / 3) return
    this.#renewing ??= this.#inTurn(() => this.#take()).finally(() => {
      this.#renewing = undefined
    })
    await this.#renewing
  }

  isTrusted(part: WorkingPart): boolean {
    return !part.isLost && this.#ports.now() < this.#trustedUntil
  }

  lose(part: WorkingPart): void {
    part.isLost = true
    if (this.#parts.get(part.part) === part) this.#parts.delete(part.part)
    this.#lookAt = -Infinity
  }

  async leave(): Promise<void> {
    const { progress, settings } = this.#ports
    await this.#inTurn(() => progress.leave({ publisher: settings.name, owner: settings.owner }))
  }

  async #take(): Promise<void> {
    const { progress, settings, followText } = this.#ports
    this.#start ??= { cursor: await this.#ports.start() }
    const askedAt = this.#ports.now()
    const state = await progress.take({
      publisher: settings.name, owner: settings.owner, leaseMs: settings.leaseMs, follow: followText,
      start: this.#start.cursor,
    })
    this.#grantedAt = askedAt
    this.#trustedUntil = askedAt + settings.leaseMs * TRUSTED
    const mine = this.#drop(state)
    for (const record of mine) {
      if (this.#parts.has(record.part)) continue
      const part = new WorkingPart(record, progress.offsets)
      const holds = await progress.holds({
        publisher: settings.name, slots: part.slots, limit: MAX_HELD_STREAMS,
      })
      part.load(holds, this.#ports.now())
      this.#parts.set(part.part, part)
    }
    this.#lookAfter(state)
    this.#share(state.members)
  }

  /** Loses what is no longer ours, and answers what is. */
  #drop(state: PublisherState): PublisherPart[] {
    const mine = state.parts.filter(({ owner }) => owner === this.#ports.settings.owner)
    const terms = new Map(mine.map(({ part, term }) => [part, term]))
    for (const part of this.all) if (terms.get(part.part) !== part.term) this.lose(part)
    return mine
  }

  /** The next look: when another's lease can have run out, at most a third of a lease from now. */
  #lookAfter({ parts }: PublisherState): void {
    const { owner, leaseMs } = this.#ports.settings
    const leases = parts.filter((part) => part.owner !== owner && part.leaseMs > 0).map((part) => part.leaseMs)
    // A little later, so that it has ended by then.
    this.#lookAt = this.#ports.now() + Math.min(leaseMs / 3, ...leases.map((left) => left + 5))
  }

  /**
   * Free parts are for whoever comes, and what was given up in doubt comes back; those whose lease has run out are
   * taken when something waits in them. Whoever has much less than another that is at work says that it is there.
   */
  async #hasWork({ parts }: PublisherState): Promise<boolean> {
    const { owner } = this.#ports.settings
    if (parts.some((part) => part.owner === undefined)) return true
    if (parts.some((part) => part.owner === owner && this.#parts.get(part.part)?.term !== part.term)) return true
    const others = parts.filter((part) => part.owner !== owner)
    const own = this.all.reduce((sum, { slots }) => sum + slotCount(slots), 0)
    if (others.some(({ slots, leaseMs }) => leaseMs > 0 && slotCount(slots) > 2 * own)) return true
    const left = others.filter(({ leaseMs }) => leaseMs === 0)
    return left.length > 0 && this.#ports.hasEvents(left)
  }

  /** More than a fair share is given back, once nothing of it is under way. */
  #share(members: number): void {
    const parts = this.all.filter(({ shedding }) => shedding === 0n)
      .sort((a, b) => slotCount(a.slots) - slotCount(b.slots))
    const held = this.all.reduce((sum, { slots, shedding }) => sum + slotCount(slots & ~shedding), 0)
    let surplus = held - Math.ceil(SLOTS / Math.max(members, 1))
    for (const part of parts) {
      if (surplus <= 0) return
      part.shedding = lowestSlots(part.slots, surplus)
      surplus -= slotCount(part.shedding)
    }
  }

  /** Parts that are cursor by cursor the same become one, and what was to be given back is. */
  async #tidy(): Promise<void> {
    const quiet = this.all.filter((part) => part.isQuiet)
    const shedding = quiet.filter((part) => part.shedding !== 0n)
    const [twin, other] = twins(quiet.filter((part) => part.shedding === 0n))
    if (shedding.length === 0 && other === undefined) return
    await this.#inTurn(async () => {
      for (const part of shedding) await this.#give(part)
      if (twin !== undefined && other !== undefined) await this.#join(twin, other)
    })
  }

  async #give(part: WorkingPart): Promise<void> {
    const { progress, settings, save } = this.#ports
    await save(part)
    if (part.isLost) return
    const { term, shedding } = part
    if (!await progress.give({ publisher: settings.name, part: part.part, term, slots: shedding })) {
      return this.lose(part)
    }
    if (shedding === part.slots) return this.lose(part)
    part.shed()
  }

  async #join(part: WorkingPart, other: WorkingPart): Promise<void> {
    const { progress, settings, save } = this.#ports
    await save(part)
    await save(other)
    if (part.isLost || other.isLost) return
    const joined = await progress.join({
      publisher: settings.name, owner: settings.owner, part: part.part, term: part.term,
      other: other.part, otherTerm: other.term,
    })
    if (!joined) return
    part.absorb(other)
    this.#parts.delete(other.part)
  }

  async #saveMoved(): Promise<void> {
    for (const part of this.all) if (part.isQuiet && part.hasMoved) await this.#ports.save(part)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}

function twins(parts: readonly WorkingPart[]): readonly WorkingPart[] {
  for (const [n, part] of parts.entries()) {
    const other = parts.slice(n + 1).find(({ cursor }) => cursor === part.cursor)
    if (other !== undefined) return [part, other]
  }
  return []
}
