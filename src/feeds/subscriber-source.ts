/**
 * Feeds as a source of work for a runner: pull is a page of each feed, settle is its checkpoint.
 *
 * Each feed is a chain. Pages follow each other without waiting for answers, so far that no feed takes the room of
 * another: a feed may have its share of one pull handed out when its next page is read. What an answer means for the
 * feed is in working-feed.ts; it is remembered at once and saved with others (checkpoint-saver.ts). The last answers of
 * a batch wait for their save, so whoever sees them all knows that it is stored.
 *
 * Where results are given in batches, those that wait for others stay in the log. An alarm wakes the runner when they
 * have waited long enough; `flush` makes them go at once.
 */
import { isWaybillError, WaybillError, type WaybillErrorCode } from '../core/errors.js'
import { backoffMs } from '../runner/options.js'
import type { Answer, Outcome, Source } from '../runner/source.js'
import { CheckpointSaver } from './checkpoint-saver.js'
import type { CheckpointStore } from './checkpoints.js'
import type { FeedPage } from './contract.js'
import type { AnyFeed } from './feed.js'
import { FlushWatch } from './flush-watch.js'
import { SubscriberBatch } from './subscriber-batch.js'
import type { SubscriberItem } from './subscriber-item.js'
import type { SubscriberSettings } from './subscriber-options.js'
import { SubscriberLease, type Tenure, type TenurePorts } from './subscriber-tenure.js'
import type { WorkingFeed } from './working-feed.js'

export interface SubscriberSourcePorts extends Pick<TenurePorts, 'onFailed' | 'onGap' | 'onTaken' | 'onLost'> {
  readonly checkpoints: CheckpointStore
  readonly settings: SubscriberSettings
  readonly now: () => number
  readonly random: () => number
  /** Of the feeds that their policy has given up. */
  readonly failures: ReadonlyMap<AnyFeed, WaybillError>
  /** One of the feeds cannot be read; the others go on. */
  readonly onReadError: (feed: AnyFeed, error: unknown) => void
  /** The subscriber cannot go on. */
  readonly onFatal: (error: WaybillError) => void
  /** Makes the runner look now. */
  readonly wake: () => void
}

/** After these, looking again cannot help. */
const FATAL: ReadonlySet<WaybillErrorCode> = new Set(['CONFIG_INVALID', 'CORRUPT', 'VALIDATION'])

/** What was read of a feed, to be handed out unless something has happened to the feed since. */
interface Look {
  readonly working: WorkingFeed
  readonly round: number
  readonly after: bigint
  /** Absent where rows are to be taken. */
  readonly page?: FeedPage | undefined
}

export class SubscriberSource implements Source<SubscriberBatch, SubscriberItem> {
  readonly chainsAwaitAnswers = false
  readonly #ports: SubscriberSourcePorts
  readonly #lease: SubscriberLease
  readonly #saver: CheckpointSaver
  readonly #flush: FlushWatch
  /** Whose turn it is to be read first. */
  #turn = 0
  #alarm: NodeJS.Timeout | undefined
  #alarmAt = Infinity
  #isClosed = false
  #hasty = 0

  constructor(ports: SubscriberSourcePorts) {
    const { checkpoints, settings, now } = ports
    this.#ports = ports
    this.#flush = new FlushWatch()
    this.#lease = new SubscriberLease({
      ...ports,
      hasFailed: ({ feed }) => ports.failures.has(feed),
      onStop: (item, error) => ports.onFatal(gaveUp(settings.id, item, error)),
    })
    this.#saver = new CheckpointSaver({
      checkpoints, settings, now, onStale: (tenure) => this.#lease.lose(tenure),
    })
  }

  get tenure(): Tenure | undefined {
    return this.#lease.tenure
  }

  /**
   * Becomes the subscriber, if nobody else is, and looks where the feeds are.
   * @throws what no later look can mend. A store that cannot be reached is no reason not to start.
   */
  async begin(): Promise<void> {
    try {
      const tenure = await this.#arrange()
      await Promise.all(tenure?.feeds.map(async (working) => {
        const { feed, read, round } = working
        const state = await feed.store.state(feed.key)
        if (!tenure.isOver && working.read === read && working.round === round) working.place(state)
      }) ?? [])
    } catch (error) {
      if (isWaybillError(error) && FATAL.has(error.code)) throw error
    }
  }

  async pull(limit: number): Promise<SubscriberBatch | null> {
    const flushing = this.#flush.pullBegins()
    let batch: SubscriberBatch | null = null
    try {
      batch = await this.#pull(limit)
    } finally {
      this.#flush.pullEnds(flushing, batch?.items ?? [])
    }
    return batch
  }

  async settle(batch: SubscriberBatch, outcomes: readonly Outcome[]): Promise<readonly Answer[]> {
    const { tenure } = batch
    if (!tenure.isOver) {
      const now = this.#ports.now()
      const answers = outcomes.map((outcome) => batch.settle(outcome, now))
      for (const { id } of outcomes) this.#flush.began(batch.item(id))
      if (batch.isDone) await this.#saver.due(tenure)
      else this.#saver.soon(tenure)
      if (!tenure.isOver) return answers
    }
    return outcomes.map(() => 'lost_claim')
  }

  async extend({ tenure }: SubscriberBatch): Promise<boolean> {
    await this.#lease.renew()
    if (this.#lease.isTrusted(tenure)) return true
    // The runner will not tell what becomes of the batch, so all is read anew, from what is stored.
    this.#lease.lose(tenure)
    return false
  }

  /** A delivery begins. False when it must not: another process is the subscriber by now. */
  begins(item: SubscriberItem): boolean {
    this.#flush.began(item)
    return this.tenure?.feeds.some((working) => working === item.working) === true
  }

  /** What waits for others does not, until the returned function is called. */
  hasten(): () => void {
    this.#hasty += 1
    return () => void (this.#hasty -= 1)
  }

  /** Hands out what waits for others; resolves when all of that has begun, or cannot begin now. */
  async flush(): Promise<void> {
    this.hasten()
    if (this.tenure?.feeds.some(({ pace }) => pace?.isWaiting === true) !== true) return
    const flushed = this.#flush.next()
    this.#ports.wake()
    await flushed
  }

  /** From now on checkpoints are saved at once. */
  hurry(): void {
    this.#saver.hurry()
  }

  /** Saves what is to be saved and lets another process be the subscriber. */
  async close(): Promise<void> {
    this.#isClosed = true
    clearTimeout(this.#alarm)
    this.hurry()
    const { tenure } = this
    if (tenure !== undefined) await this.#saver.save(tenure).catch(() => undefined)
    await this.#lease.release()
  }

  async #pull(limit: number): Promise<SubscriberBatch | null> {
    const tenure = await this.#fatally(() => this.#arrange())
    if (tenure === undefined) return null
    const looks = await this.#look(tenure, limit)
    if (looks.length > 0) await this.#lease.hold()
    if (tenure.isOver) return null
    const items = looks.flatMap((look) => this.#itemsOf(look))
    if (tenure.unsaved > 0) this.#saver.soon(tenure)
    if (items.length === 0) return null
    // A renewal within the last third of a lease is not repeated, so only the rest of it is sure.
    const leaseMs = Math.max(1, Math.min(this.#lease.leaseLeftMs(), this.#ports.settings.leaseMs * 2 / 3))
    return new SubscriberBatch(tenure, items, leaseMs)
  }

  /** Where each feed begins is stored before anything of it is delivered. */
  async #arrange(): Promise<Tenure | undefined> {
    const tenure = await this.#lease.arrange()
    if (tenure === undefined || tenure.isPlaced) return tenure
    const fresh = tenure.feeds.filter(({ checkpoint }) => checkpoint === undefined)
    const states = await Promise.all(fresh.map(({ feed }) => feed.store.state(feed.key)))
    if (tenure.isOver) return undefined
    fresh.forEach((working, n) => working.place(states[n]))
    await this.#saver.save(tenure)
    tenure.isPlaced = true
    return tenure.isOver ? undefined : tenure
  }

  /** Of as many feeds as there is room for, each in its turn, what is to be handed out of it. */
  async #look({ feeds }: Tenure, limit: number): Promise<readonly Look[]> {
    const { now, random, onReadError } = this.#ports
    const share = Math.max(1, Math.floor(limit / feeds.length))
    const turns = [...feeds.slice(this.#turn), ...feeds.slice(0, this.#turn)]
    const due = turns.filter((working) => working.mayRead(now(), this.#share)).slice(0, limit)
    this.#turn = (this.#turn + Math.max(1, due.length)) % feeds.length
    const answers = await Promise.allSettled(due.map((working) => this.#lookAt(working, share)))
    const failed = answers.flatMap((answer, n) => (
      answer.status === 'rejected' ? [{ working: due[n], error: answer.reason as unknown }] : []))
    // When nothing can be read, the runner waits; else only those that failed do.
    if (failed[0] !== undefined && failed.length === feeds.length) throw failed[0].error
    answers.forEach(({ status }, n) => {
      const working = due[n]
      if (working !== undefined && status === 'fulfilled') working.failedReads = 0
    })
    for (const { working, error } of failed) {
      if (working === undefined) continue
      working.failedReads += 1
      working.readAt = now() + backoffMs(working.failedReads, random)
      onReadError(working.feed, error)
    }
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value ?? [] : []))
  }

  /** Undefined when there is nothing to be handed out. */
  async #lookAt(working: WorkingFeed, share: number): Promise<Look | undefined> {
    const { feed, read: after, round } = working
    const look = { working, round, after }
    if (working.snapshot !== undefined) return look
    const isWaiting = working.pace?.isWaiting === true
    if (isWaiting && !this.#isDue(working, await feed.store.state(feed.key), look)) return undefined
    const limit = working.pace === undefined ? share : working.sizeLimit
    const page = await feed.store.page({ feed: feed.key, after, limit })
    if (!isCurrent(look)) return undefined
    if (!working.place(page?.state)) return working.snapshot && { ...look, round: working.round }
    // It begins elsewhere now than where the page does.
    if (working.read !== after) return this.#lookAt(working, share)
    if (page === undefined || page.entries.length === 0) return undefined
    return { working, round: working.round, after, page }
  }

  #itemsOf({ working, round, after, page }: Look): readonly SubscriberItem[] {
    if (!isCurrent({ working, round, after })) return []
    if (working.snapshot !== undefined) return this.#snapshotOf(working)
    if (page === undefined || !this.#isDue(working, page.state, { working, round, after })) return []
    return working.takeResults(page)
  }

  /** One at a time, of all feeds: handlers of snapshots do much, and need not expect another beside them. */
  #snapshotOf(working: WorkingFeed): readonly SubscriberItem[] {
    if (this.tenure?.feeds.some(({ snapshot }) => snapshot?.busy === true) !== false) return []
    const item = working.takeSnapshot()
    return item === undefined ? [] : [item]
  }

  /** Whether what is there is enough for a batch, or has waited long enough. Where there are no batches, it is. */
  #isDue(working: WorkingFeed, state: FeedPage['state'] | undefined, look: Look): boolean {
    const { pace } = working
    if (pace === undefined || !isCurrent(look) || state === undefined) return true
    const now = this.#ports.now()
    pace.saw(state.sequence, now)
    const inMs = pace.dueInMs(Number(state.sequence - working.read), now)
    if (inMs === 0 || this.#hasty > 0 || working.isCautious || working.hold !== undefined) return true
    this.#wakeIn(inMs)
    return false
  }

  /** Unless it rings sooner. */
  #wakeIn(ms: number): void {
    const at = this.#ports.now() + ms
    if (!Number.isFinite(ms) || at >= this.#alarmAt || this.#isClosed) return
    clearTimeout(this.#alarm)
    this.#alarmAt = at
    this.#alarm = setTimeout(() => {
      this.#alarmAt = Infinity
      this.#ports.wake()
    }, Math.ceil(ms))
  }

  get #share(): number {
    const { batch, feeds } = this.#ports.settings
    return Math.floor(batch / feeds.length)
  }

  async #fatally<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (isWaybillError(error) && FATAL.has(error.code)) this.#ports.onFatal(error)
      throw error
    }
  }
}

/** Nothing was handed out or has come back since. */
function isCurrent({ working, round, after }: Look): boolean {
  return working.round === round && working.read === after
}

function gaveUp(id: string, { working: { feed }, ...item }: SubscriberItem, error: string): WaybillError {
  const what = item.kind === 'results' ? `result ${item.last}` : 'the snapshot'
  return new WaybillError('DELIVERY_FAILED', `subscriber '${id}' cannot handle ${what} of '${feed.name}': ${error}`, {
    details: { subscriber: id, feed: feed.name, ...(item.kind === 'results' && { sequence: String(item.last) }) },
  })
}
