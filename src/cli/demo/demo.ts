/**
 * The demo: a shop, a relay and a receiver, each a process, over one SQLite file. The relay is killed again
 * and again; at the end everything is counted by somebody else (tally.ts).
 */
import { performance } from 'node:perf_hooks'
import { pause } from '../../core/environment.js'
import { sqliteEngine } from '../../drivers/sqlite-engines.js'
import { sqlite } from '../../sqlite.js'
import { createWaybill } from '../../waybill.js'
import { CliError } from '../cli-error.js'
import { DemoProcess } from './demo-process.js'
import type { LiveLine, Snapshot } from './live-line.js'
import { DRAIN_WITHIN_MS, killMoments, type Paths } from './plan.js'
import { RelayUnderFire } from './relay-under-fire.js'
import { countWaiting, tally } from './tally.js'
import type { DemoResult } from './verdict.js'

const SHOP = new URL('./shop.js', import.meta.url)
const RECEIVER = new URL('./receiver.js', import.meta.url)
const LOOK_EVERY_MS = 100
const MIN_KILLS = 2
/** How long a relay that delivers nothing is waited for. */
const PATIENCE_MS = 30_000

export interface DemoOptions {
  readonly seconds: number
  readonly paths: Paths
  /** Ends everything when aborted; its reason is thrown. */
  readonly signal: AbortSignal
}

/** All processes have ended when this settles. */
export async function runDemo(options: DemoOptions, line: LiveLine): Promise<DemoResult> {
  const run = new DemoRun(options, line)
  try {
    return await run.run()
  } finally {
    await run.end()
  }
}

class DemoRun {
  readonly #options: DemoOptions
  readonly #line: LiveLine
  readonly #failed = new AbortController()
  readonly #signal: AbortSignal
  readonly #startedAt = performance.now()
  #shop: DemoProcess | undefined
  #receiver: DemoProcess | undefined
  #relay: RelayUnderFire | undefined

  constructor(options: DemoOptions, line: LiveLine) {
    this.#options = options
    this.#line = line
    this.#signal = AbortSignal.any([options.signal, this.#failed.signal])
  }

  async run(): Promise<DemoResult> {
    const { paths } = this.#options
    await createShop(paths)
    const onFailure = (error: Error): void => this.#failed.abort(error)
    this.#receiver = new DemoProcess('receiver', RECEIVER, { log: paths.receiverLog }, onFailure)
    const port = await this.#orAbort(this.#receiver.ready) ?? 0
    this.#relay = new RelayUnderFire({ database: paths.database, port }, onFailure)
    this.#shop = new DemoProcess('shop', SHOP, { database: paths.database }, onFailure)
    await this.#orAbort(Promise.all([this.#shop.ready, this.#relay.start()]))
    const seconds = await this.#underFire(this.#relay)
    await this.#shop.stop()
    const drainSeconds = await this.#drain()
    await this.#relay.stop()
    await this.#receiver.stop()
    this.#signal.throwIfAborted()
    this.#line.clear()
    const { kills, killedRuns } = this.#relay
    const rolledBack = this.#shop.count('rolledBack')
    return { ...tally(paths, killedRuns), kills, rolledBack, seconds, drainSeconds }
  }

  /** Whatever still runs is killed. */
  async end(): Promise<void> {
    this.#line.clear()
    await Promise.all([this.#shop?.kill(), this.#receiver?.kill(), this.#relay?.kill()])
  }

  /** The shop is open; at random moments the relay is killed and started again. The seconds it took. */
  async #underFire(relay: RelayUnderFire): Promise<number> {
    const from = performance.now()
    const moments = killMoments(this.#options.seconds, Math.random)
    const elapsed = (): number => performance.now() - from
    while (elapsed() < this.#options.seconds * 1_000 || relay.kills < MIN_KILLS) {
      await this.#look()
      if (elapsed() > this.#options.seconds * 1_000 + PATIENCE_MS) throw stuck()
      const [next] = moments
      // Only a relay at work is worth killing.
      if (next === undefined || elapsed() < next || !relay.isDelivering) continue
      moments.shift()
      this.#line.note(this.#seconds(), 'SIGKILL to the relay')
      await this.#orAbort(relay.killAndRestart())
    }
    return round(elapsed() / 1_000)
  }

  async #drain(): Promise<number> {
    const from = performance.now()
    this.#line.note(this.#seconds(), 'the shop has closed; the relay finishes')
    while (countWaiting(this.#options.paths) > 0 && performance.now() - from < DRAIN_WITHIN_MS) {
      await this.#look()
    }
    return round((performance.now() - from) / 1_000)
  }

  async #look(): Promise<void> {
    await pause(LOOK_EVERY_MS, this.#signal)
    this.#signal.throwIfAborted()
    this.#line.show(this.#snapshot())
  }

  #snapshot(): Snapshot {
    const count = (process: DemoProcess | undefined, name: string): number => process?.count(name) ?? 0
    const committed = count(this.#shop, 'committed')
    const delivered = count(this.#receiver, 'accepted')
    const deadLettered = count(this.#receiver, 'refused')
    return {
      seconds: this.#seconds(), committed, delivered, deadLettered,
      retried: count(this.#receiver, 'failed') + count(this.#receiver, 'hung'),
      kills: this.#relay?.kills ?? 0,
      // The three tell their counts at different moments.
      backlog: Math.max(0, committed - delivered - deadLettered),
    }
  }

  #seconds(): number {
    return (performance.now() - this.#startedAt) / 1_000
  }

  /** What is waited for, or the reason why it will not come. */
  async #orAbort<T>(awaited: Promise<T>): Promise<T> {
    const signal = this.#signal
    signal.throwIfAborted()
    return new Promise<T>((resolve, reject) => {
      const abort = (): void => reject(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      awaited.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
    })
  }
}

/** The shop's own table, and Waybill's beside it. */
async function createShop({ database: path }: Paths): Promise<void> {
  const waybill = createWaybill({ store: sqlite({ path }) })
  await waybill.migrate()
  await waybill.close()
  const database = sqliteEngine().open(path)
  database.exec('create table orders (id text primary key, ship_to text not null, total integer not null)')
  database.close()
}

function stuck(): CliError {
  return new CliError('DEMO_FAILED', 'the relay delivers nothing', {
    next: 'check that programs may connect to ports of 127.0.0.1, or look at the files with --keep',
  })
}

function round(seconds: number): number {
  return Math.round(seconds * 10) / 10
}
