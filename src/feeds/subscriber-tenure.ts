/**
 * The time for which this process is the subscriber: from when the store gave it a term until another one has a higher.
 *
 *     nobody ── take ──► term 4, lease ── renew … renew ── release ──► nobody
 *                              └── paused, lease over ── another takes: term 5
 *
 * Whoever is not the subscriber asks now and then; who is renews its lease at every third of it, also while nothing
 * happens, so that handlers which keep something in memory are not changed for no reason. A process that comes
 * back late goes on under its term if nobody else has taken over; else its tenure is over: what it has under way may
 * end, is not saved, and nothing more of it is delivered.
 *
 * What can interleave: calls of `take` come one after another. Saves go on beside them; the store checks their term.
 */
import type { CheckpointStore, SubscriberState } from './checkpoints.js'
import { WorkingFeed, type WorkingFeedPorts } from './working-feed.js'
import type { SubscriberSettings } from './subscriber-options.js'

/** As leases of the runner: clocks may differ in speed by a tenth. */
const TRUSTED = 0.9

export class Tenure {
  readonly term: bigint
  readonly feeds: readonly WorkingFeed[]
  /** Another process is the subscriber, or nobody knows. */
  isOver = false
  /** Where each feed is begun is stored. */
  isPlaced = false
  /** The monotonic time of the last save. */
  savedAt = -Infinity
  /** By feed: the moves that are stored. */
  readonly saved = new Map<WorkingFeed, number>()

  constructor(term: bigint, feeds: readonly WorkingFeed[]) {
    this.term = term
    this.feeds = feeds
  }

  /** Results behind the stored checkpoints. */
  get unsaved(): number {
    return this.feeds.reduce((sum, feed) => sum + feed.moves - (this.saved.get(feed) ?? 0), 0)
  }
}

export interface TenurePorts extends WorkingFeedPorts {
  readonly settings: SubscriberSettings
  readonly checkpoints: CheckpointStore
  /** Feeds that were given up before are not begun again. */
  readonly hasFailed: (feed: WorkingFeed) => boolean
  readonly now: () => number
  readonly onTaken: (tenure: Tenure) => void
  readonly onLost: (tenure: Tenure) => void
}

export class SubscriberLease {
  readonly #ports: TenurePorts
  #tenure: Tenure | undefined
  #grantedAt = -Infinity
  #trustedUntil = -Infinity
  #takeAt = -Infinity
  /** One at a time. Never rejects. */
  #turn: Promise<unknown> = Promise.resolve()
  #renewing: Promise<void> | undefined
  #isReleased = false

  constructor(ports: TenurePorts) {
    this.#ports = ports
  }

  /** Undefined while another process is the subscriber. */
  get tenure(): Tenure | undefined {
    return this.#tenure
  }

  /** How long what was granted still counts from now, as the runner's leases do. */
  leaseLeftMs(): number {
    return this.#grantedAt + this.#ports.settings.leaseMs - this.#ports.now()
  }

  /** Becomes the subscriber, or stays it, where that is due. */
  async arrange(): Promise<Tenure | undefined> {
    if (this.#tenure !== undefined) await this.renew()
    else if (this.#ports.now() >= this.#takeAt) await this.#inTurn(() => this.#take())
    return this.#tenure
  }

  /** Before a delivery: makes sure of half a lease. */
  async hold(): Promise<void> {
    if (this.leaseLeftMs() < this.#ports.settings.leaseMs / 2) await this.renew()
  }

  /** Renews the lease, unless that was done within the last third of it. */
  async renew(): Promise<void> {
    const { leaseMs } = this.#ports.settings
    if (this.#ports.now() < this.#grantedAt + leaseMs / 3) return
    this.#renewing ??= this.#inTurn(() => this.#take()).finally(() => {
      this.#renewing = undefined
    })
    await this.#renewing
  }

  isTrusted(tenure: Tenure): boolean {
    return !tenure.isOver && this.#ports.now() < this.#trustedUntil
  }

  /** Also when it is only not known to be ours any more: then it begins anew from what is stored. */
  lose(tenure: Tenure): void {
    if (tenure.isOver) return
    tenure.isOver = true
    if (this.#tenure === tenure) this.#tenure = undefined
    this.#ports.onLost(tenure)
  }

  /** For good: a pull that comes back after it does not take again. */
  async release(): Promise<void> {
    const { checkpoints, settings } = this.#ports
    this.#isReleased = true
    await this.#inTurn(async () => {
      const tenure = this.#tenure
      if (tenure === undefined) return
      tenure.isOver = true
      this.#tenure = undefined
      await checkpoints.release({ subscriber: settings.key, term: tenure.term })
    })
  }

  async #take(): Promise<void> {
    if (this.#isReleased) return
    const { checkpoints, settings, now } = this.#ports
    const { key: subscriber, owner, leaseMs } = settings
    const askedAt = now()
    const state = await checkpoints.take({ subscriber, owner, leaseMs })
    const before = this.#tenure
    if (before !== undefined && before.term !== state?.term) this.lose(before)
    if (state === undefined) {
      this.#takeAt = now() + Math.min(settings.pollMaxMs, leaseMs / 3)
      return
    }
    this.#grantedAt = askedAt
    this.#trustedUntil = askedAt + leaseMs * TRUSTED
    if (this.#tenure === undefined) {
      this.#tenure = this.#begin(state)
      this.#ports.onTaken(this.#tenure)
    }
  }

  #begin({ term, checkpoints }: SubscriberState): Tenure {
    const stored = new Map(checkpoints.map((checkpoint) => [checkpoint.feed, checkpoint]))
    const feeds = this.#ports.settings.feeds.map((feed) => new WorkingFeed(feed, stored.get(feed.key), this.#ports))
    for (const feed of feeds) feed.hasFailed = this.#ports.hasFailed(feed)
    return new Tenure(term, feeds)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work)
    this.#turn = mine.catch(() => undefined)
    return mine
  }
}
