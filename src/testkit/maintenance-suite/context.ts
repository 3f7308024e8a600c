/** What a case works with: a store that has something of every kind, a clock, and maintenances of it. */
import assert from 'node:assert/strict'
import { pause } from '../../core/environment.js'
import { DEFAULT_SCOPE } from '../../core/scope.js'
import { MAINTAINED_KINDS, type MaintainedKind, type MaintainedStore } from '../../maintenance/chores.js'
import { Maintenance } from '../../maintenance/maintenance.js'
import type { MaintenanceOptions } from '../../maintenance/maintenance-options.js'
import type { KindReport, MaintenanceReport } from '../../maintenance/report.js'
import type { Store } from '../../store.js'
import type { StoreCase } from '../store-suite.js'
import { createWaybill } from '../../waybill.js'
import { TestClock } from '../test-clock.js'
import type { OpenedMaintained, OpenMaintainedSettings } from './options.js'

export type MaintenanceCase = StoreCase<MaintenanceContext>

export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000
export const WEEK_MS = 7 * DAY_MS
export const QUEUE = { lane: 'orders', target: 'mailer' }
const NAME = 'cache'
const LEASE_MS = 30_000
const DEAD = { attempts: 1, error: 'refused' }
const ALL = { tags: undefined, streams: undefined, scope: undefined }

export class MaintenanceContext {
  readonly clock: TestClock
  readonly #opened: OpenedMaintained
  readonly #made: Maintenance[] = []
  #count = 0

  static async create(open: (settings: OpenMaintainedSettings) => Promise<OpenedMaintained>):
  Promise<MaintenanceContext> {
    const clock = new TestClock()
    return new MaintenanceContext(clock, await open({ now: clock.now }))
  }

  private constructor(clock: TestClock, opened: OpenedMaintained) {
    this.clock = clock
    this.#opened = opened
  }

  get store(): Store {
    return this.#opened.store
  }

  get other(): Store {
    return this.#opened.other
  }

  /** The kinds that the store has. */
  get kinds(): readonly MaintainedKind[] {
    const { journal, progress, checkpoints, heaps, inbox } = this.store
    const parts = { journal, deadEvents: progress, deadResults: checkpoints, heapEntries: heaps, inbox }
    return MAINTAINED_KINDS.filter((kind) => !(kind in parts) || parts[kind as keyof typeof parts] !== undefined)
  }

  /** Of the first handle, unless another is given; stopped at the end. It does not rest. */
  maintenance(options: MaintenanceOptions = {}, store: MaintainedStore = this.store): Maintenance {
    const maintenance = new Maintenance(store, { pauseMs: 0, time: { pause: async () => undefined }, ...options })
    this.#made.push(maintenance)
    return maintenance
  }

  /** So many of every kind that the store has, all of this moment. */
  async fill(count = 1): Promise<void> {
    const waybill = createWaybill({ store: this.store })
    const names = Array.from({ length: count }, () => `n-${this.#count += 1}`)
    await this.deliver(names.map((dedupeKey) => ({ dedupeKey })), 'ack')
    await this.deliver(names.map(() => ({})), 'dead')
    for (const name of names) {
      if (this.store.heaps !== undefined) await waybill.heap('mailer').recordFailure(name)
      if (this.store.inbox !== undefined) await waybill.inbox.processAlone('billing', name, () => undefined)
    }
    await this.#publish(names)
    await this.#subscribe(names)
  }

  async deliver(drafts: readonly { readonly dedupeKey?: string }[], kind: 'ack' | 'dead'): Promise<void> {
    const { outbox } = createWaybill({ store: this.store })
    for (const draft of drafts) await outbox.enqueueAlone({ ...QUEUE, type: 't', payload: 1, ...draft })
    for (let left = drafts.length; left > 0;) {
      const claim = await outbox.claim({ ...QUEUE, consumer: 'c', limit: 100 }) ?? assert.fail('nothing to claim')
      await outbox.settle(claim.token, claim.messages.map(({ id }) => (
        kind === 'ack' ? { id, kind } : { id, kind, error: 'refused' })))
      left -= claim.messages.length
    }
  }

  /** Events that a publisher has not passed. */
  async appendUnpassed(count: number): Promise<void> {
    const events = Array.from({ length: count }, (_, n) => ({ stream: 'order-7', type: 'placed', payload: n }))
    await createWaybill({ store: this.store }).journal.appendAlone(events)
    await this.store.progress?.rebase({ publisher: 'slow', follow: 'all', cursor: undefined })
  }

  /** One that is started, has made its first pass, and waits for the next. */
  async lead(store: Store): Promise<Maintenance> {
    let waits = (): void => undefined
    const waiting = new Promise<void>((resolve) => { waits = resolve })
    const maintenance = this.maintenance({
      time: {
        pause: (ms, signal) => {
          if (ms === HOUR_MS) waits()
          return ms === HOUR_MS ? pause(ms, signal) : Promise.resolve()
        },
      },
    }, store)
    await maintenance.start()
    await waiting
    return maintenance
  }

  /** How many of each kind there are, however old: those that a dry run for no age would remove. */
  async left(): Promise<Partial<Record<MaintainedKind, number>>> {
    const olderThanMs = Object.fromEntries(MAINTAINED_KINDS.map((kind) => [kind, 0]))
    const report = await this.maintenance({ olderThanMs }).runOnce({ dryRun: true })
    return Object.fromEntries(report.kinds.map(({ kind, removed }) => [kind, removed]))
  }

  /** The same number of every kind. */
  each(count: number): Partial<Record<MaintainedKind, number>> {
    return Object.fromEntries(this.kinds.map((kind) => [kind, count]))
  }

  async close(): Promise<void> {
    for (const maintenance of this.#made) await maintenance.stop()
    await this.#opened.close()
  }

  /** Events, and a publisher that has passed all of them and given up as many. */
  async #publish(names: readonly string[]): Promise<void> {
    const { journal: store, progress } = this.store
    if (store === undefined || progress === undefined) return
    const { journal } = createWaybill({ store: this.store })
    const { events } = await journal.appendAlone(names.map((name) => ({ stream: name, type: 'placed', payload: 1 })))
    await progress.rebase({ publisher: NAME, follow: 'all', cursor: await this.#cursorBehind(events.at(-1)?.position) })
    const { parts: [part] } = await progress.take({
      publisher: NAME, owner: 'a', leaseMs: LEASE_MS, follow: 'all', start: undefined,
    })
    assert.ok(part !== undefined)
    const dead = names.map((id) => (
      { ...DEAD, scope: DEFAULT_SCOPE, stream: id, id, sequence: 1n, type: 'placed' }))
    assert.deepEqual(await progress.save({ publisher: NAME, parts: [{ ...part, held: [], freed: [], dead }] }), [true])
    await progress.leave({ publisher: NAME, owner: 'a' })
  }

  /** Once no stranger's transaction holds its low water back. */
  async #cursorBehind(position = 0n): Promise<string> {
    const { journal } = createWaybill({ store: this.store })
    for (;;) {
      const { cursor } = await journal.readAll({ limit: 1_000 })
      if (await journal.store.passed(cursor, ALL) >= position) return cursor
    }
  }

  async #subscribe(names: readonly string[]): Promise<void> {
    const { checkpoints } = this.store
    if (checkpoints === undefined) return
    const state = await checkpoints.take({ subscriber: NAME, owner: 'a', leaseMs: LEASE_MS })
    assert.ok(state !== undefined)
    const dead = names.map((feed) => ({ ...DEAD, feed, incarnation: 'i', sequence: 1n, data: new Uint8Array([1]) }))
    assert.equal(await checkpoints.save({ subscriber: NAME, term: state.term, checkpoints: [], dead }), true)
  }
}

export function kindOf(report: MaintenanceReport, kind: MaintainedKind): KindReport {
  return report.kinds.find((each) => each.kind === kind) ?? assert.fail(`the report has no ${kind}`)
}

export function removedOf(report: MaintenanceReport): Partial<Record<MaintainedKind, number>> {
  return Object.fromEntries(report.kinds.map(({ kind, removed }) => [kind, removed]))
}
