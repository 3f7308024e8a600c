/**
 * What a runner holds, and when the next delivery starts.
 *
 *     pulled ──► buffered ──► in flight ──► ended ──► answered
 *                    └── given back: stopped, or the lease is in doubt
 *
 * All of it is synchronous state: a delivery that ends hands its outcome to its batch's settler and lets
 * the next one start in the same breath. Those who must wait do so at the gate. What is to go back is taken out of
 * every place, of all batches, before the first of it is handed over, so nothing of a broken chain starts in between.
 *
 * Bounds: a new batch is wanted only while fewer items than `concurrency` are ready to start; or, after a wake-up,
 * while no more than a batch are, so that what has just come is found beside a backlog; or, where batches are started
 * at once, one ahead of the batch that is about to start. And only while fewer items than four batches' worth wait for
 * others of their chain, so that with the batch that comes there are never five; while buffered bytes are below
 * `maxInFlightBytes`; and while no more than a batch of outcomes waits for its answer.
 */
import { Chains } from './chains.js'
import { outcomeOf, type FailurePolicy } from './classify.js'
import { Delivery } from './delivery.js'
import { Gate } from './gate.js'
import { InFlight } from './in-flight.js'
import { Lease } from './lease.js'
import { OpenBatch } from './open-batch.js'
import type { RunnerSettings } from './options.js'
import { ReadyItems, type OwnedItem } from './ready-items.js'
import type { Report } from './report.js'
import { Settler, type Ended } from './settle.js'
import type { Deliver, Outcome, PulledBatch, RunnerItem, Source } from './source.js'

/** Outcomes that may wait for an answer beyond a full batch of them. */
const UNANSWERED_SLACK = 200
/** Batches' worth of items that may wait for their chains, while more are pulled to keep the rest busy. */
const MAX_BATCHES_BEHIND = 4

export interface DispatcherPorts<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly source: Source<Batch, Item>
  readonly deliver: Deliver<Item>
  readonly settings: RunnerSettings
  readonly report: Report
  readonly halted: AbortSignal
  /** Every item of a batch is answered. */
  readonly onClosed: () => void
}

export class Dispatcher<Batch extends PulledBatch<Item>, Item extends RunnerItem> {
  readonly gate = new Gate()
  readonly inFlight: InFlight<Item>
  /** Items that could start now. */
  private ready = 0
  /** Items that wait for others of their chain. */
  private behind = 0
  private readonly ports: DispatcherPorts<Batch, Item>
  private readonly failurePolicy: FailurePolicy
  private readonly opened = new Set<OpenBatch<Batch, Item>>()
  private readonly queue = new ReadyItems<OpenBatch<Batch, Item>, Item>()
  private readonly chains: Chains<OpenBatch<Batch, Item>, Item>
  /** Items pulled, not answered. */
  private held = 0
  private bufferedBytes = 0
  private pumping = false

  constructor(ports: DispatcherPorts<Batch, Item>) {
    const { settings, report } = ports
    this.ports = ports
    this.chains = new Chains(!ports.source.chainsAwaitAnswers)
    this.inFlight = new InFlight(settings, () => {
      report.totals.timeouts += 1
    })
    this.failurePolicy = { retry: settings.retry, maxAgeMs: settings.maxAgeMs, random: settings.time.random }
  }

  get isQuiet(): boolean {
    return this.opened.size === 0
  }

  /** Items pulled, not started. */
  get buffered(): number {
    return this.ready + this.behind
  }

  get wantsMore(): boolean {
    return this.ready < this.ports.settings.concurrency && this.hasRoom
  }

  /** As if this batch, of which nothing has started, were not there. */
  wantsMoreBeside(open: OpenBatch<Batch, Item>): boolean {
    return this.ready - open.firstCount < this.ports.settings.concurrency && this.hasRoom
  }

  /** There is work for every slot, but something new has come, which may be a group's first. */
  get mayLook(): boolean {
    return this.ready <= this.ports.settings.batch && this.hasRoom
  }

  private get hasRoom(): boolean {
    const { batch, maxInFlightBytes } = this.ports.settings
    // Those behind are no deadlock: before each is a front, which needs no pull to end.
    return this.behind < batch * MAX_BATCHES_BEHIND && this.bufferedBytes < maxInFlightBytes
      && this.unanswered < batch + UNANSWERED_SLACK && !this.awaitsAnswers
  }

  private get unanswered(): number {
    return this.held - this.buffered - this.inFlight.size
  }

  /**
   * Where chains wait for answers, the source has to pass over what follows an unanswered item, which costs it more
   * than the wait (measured on PostgreSQL: 65 µs of the server a message, so 17). When nothing else is left to do, the
   * answers are waited for.
   */
  private get awaitsAnswers(): boolean {
    if (this.buffered + this.inFlight.size > 0) return false
    for (const open of this.opened) if (this.awaitsAnswersOf(open)) return true
    return false
  }

  awaitsAnswersOf(open: OpenBatch<Batch, Item>): boolean {
    return open.hasChains && this.ports.source.chainsAwaitAnswers
  }

  holdsOnly(open: OpenBatch<Batch, Item>): boolean {
    return this.opened.size === 1 && this.opened.has(open)
  }

  /** Watches over a batch from its pull on. Nothing of it starts yet. */
  open(batch: Batch, askedAt: number): OpenBatch<Batch, Item> {
    const { source, settings, report, halted } = this.ports
    const lease = new Lease({
      leaseMs: batch.leaseMs, askedAt, time: settings.time,
      extend: () => source.extend(batch),
      onError: (error) => report.storeError('extend', error),
      onDoubt: () => this.giveBack(open),
    })
    const settler = new Settler<Item>(batch.items.length, {
      settings, lease, halted,
      write: (outcomes) => source.settle(batch, outcomes),
      onAnswer: (ended, answer) => {
        this.held -= 1
        const { chain } = ended.item
        if (chain !== undefined && ended.outcome.kind !== 'ack') this.chains.answered(chain)
        report.answered(ended, answer)
      },
      onError: (error) => report.storeError('settle', error),
      onProgress: () => this.closeIfDone(open),
    })
    const open: OpenBatch<Batch, Item> = new OpenBatch(batch, askedAt, lease, settler,
      (ended, failed, thrown) => this.end(open, ended, failed, thrown))
    this.opened.add(open)
    this.held += batch.items.length
    report.claimed(batch.items.length, batch.solo)
    this.place(open)
    return open
  }

  /** Each item may start, or waits behind others, or follows a break and goes back. */
  private place(open: OpenBatch<Batch, Item>): void {
    const overtaking: Item[] = []
    for (const item of open.batch.items) {
      const { chain, bytes } = item
      this.bufferedBytes += bytes
      if (chain !== undefined && this.chains.isBroken(chain)) overtaking.push(item)
      else if (chain !== undefined && !this.chains.join(chain, open, item)) this.behind += 1
      else {
        this.ready += 1
        open.addFirst(item)
      }
    }
    this.release(open, overtaking)
  }

  /** Lets the items of an open batch start, in their groups' turns. */
  admit(open: OpenBatch<Batch, Item>): void {
    open.isAdmitted = true
    for (const item of open.takeFirsts()) this.queue.push(open, item)
    this.pump()
  }

  /** What has not started goes back, without spending its attempt, and so do those behind it in other batches. */
  giveBack(open: OpenBatch<Batch, Item>): void {
    const ready = [...this.queue.takeAllOf(open), ...open.takeFirsts()]
    const behind: OwnedItem<OpenBatch<Batch, Item>, Item>[] = []
    for (const item of ready) {
      if (item.chain !== undefined) behind.push(...this.chains.breakAtFront(item.chain))
    }
    for (const chain of open.chainNames()) behind.push(...this.chains.breakBehind(chain, open))
    this.ready -= ready.length
    this.behind -= behind.length
    this.releaseAll([...ready.map((item) => ({ owner: open, item })), ...behind])
    this.gate.check()
  }

  giveBackAll(): void {
    for (const open of this.opened) this.giveBack(open)
  }

  /** Forgets what is not answered and aborts what is in flight. Returns how many items that were. */
  abandon(): number {
    const abandoned = this.held
    for (const open of this.opened) {
      open.lease.stop()
      open.settler.close()
    }
    this.opened.clear()
    this.queue.clear()
    this.chains.clear()
    this.held = this.ready = this.behind = this.bufferedBytes = 0
    this.inFlight.abandon()
    this.gate.check()
    return abandoned
  }

  private pump(): void {
    // A function that delivers at once ends inside this loop, which then simply goes on.
    if (this.pumping) return
    this.pumping = true
    for (let next = this.queue.peek(); next !== undefined; next = this.queue.peek()) {
      if (!this.inFlight.hasRoomFor(next.item)) break
      this.begin(next.owner, next.item)
    }
    this.pumping = false
    this.gate.check()
  }

  private begin(open: OpenBatch<Batch, Item>, item: Item): void {
    const now = this.ports.settings.time.monotonicMs()
    if (!open.lease.isOurs(now)) return this.giveBack(open)
    this.queue.take()
    this.ready -= 1
    this.bufferedBytes -= item.bytes
    const delivery = new Delivery(item, open.batch.id, now, open.onEnd)
    this.inFlight.add(delivery)
    delivery.begin(this.ports.deliver)
  }

  private end(
    open: OpenBatch<Batch, Item>, delivery: Delivery<Item>, failed: boolean, thrown: unknown,
  ): void {
    const { item, startedAt } = delivery
    const now = this.ports.settings.time.monotonicMs()
    const outcome: Outcome = failed
      ? outcomeOf(thrown, item, now - open.pulledAt, this.failurePolicy)
      : { id: item.id, kind: 'ack' }
    this.inFlight.remove(delivery)
    if (item.chain !== undefined && outcome.kind !== 'ack') this.chains.notDelivered(item.chain)
    open.settler.record({ item, outcome, ms: now - startedAt })
    if (item.chain !== undefined) this.goOn(item.chain, outcome.kind === 'ack')
    this.pump()
  }

  /** The front of a chain has ended: the next may start, as soon as its batch may, or all behind go back. */
  private goOn(chain: string, delivered: boolean): void {
    if (!delivered) {
      const behind = this.chains.breakAtFront(chain)
      this.behind -= behind.length
      return this.releaseAll(behind)
    }
    const next = this.chains.goOn(chain)
    if (next === undefined) return
    this.behind -= 1
    this.ready += 1
    if (next.owner.isAdmitted) this.queue.push(next.owner, next.item)
    else next.owner.addFirst(next.item)
  }

  private releaseAll(owned: readonly OwnedItem<OpenBatch<Batch, Item>, Item>[]): void {
    const itemsOf = new Map<OpenBatch<Batch, Item>, Item[]>()
    for (const { owner, item } of owned) {
      const items = itemsOf.get(owner)
      if (items === undefined) itemsOf.set(owner, [item])
      else items.push(item)
    }
    for (const [owner, items] of itemsOf) this.release(owner, items)
  }

  private release(open: OpenBatch<Batch, Item>, items: readonly Item[]): void {
    if (items.length === 0) return
    for (const { chain, bytes } of items) {
      this.bufferedBytes -= bytes
      if (chain !== undefined) this.chains.notDelivered(chain)
    }
    const released = items.map((item): Ended<Item> =>
      ({ item, outcome: { id: item.id, kind: 'release' }, ms: 0 }))
    if (open.lease.isGone) return open.settler.forfeit(released)
    for (const one of released) open.settler.record(one)
    open.settler.hurry()
  }

  private closeIfDone(open: OpenBatch<Batch, Item>): void {
    if (open.settler.isDone && this.opened.delete(open)) {
      open.lease.stop()
      if (this.isQuiet) this.inFlight.rest()
      this.ports.onClosed()
    }
    this.gate.check()
  }
}
