/**
 * Chains across open batches, with everything at random: pages and slow pulls, tries that fail at once or later, settles
 * that are slow or lost, a stop in the middle. The source is a log in memory that keeps back what follows a failure.
 */
import { expect, test } from 'vitest'
import { WaybillError } from '../../src/core/errors.js'
import { Runner } from '../../src/runner/runner.js'
import type { Answer, Outcome, Source } from '../../src/runner/source.js'
import { forEachSeed, type SeededRandom } from '../../src/testkit/random.js'
import { item, settleDown, type FakeBatch } from './fake-source.js'

interface LogItem {
  readonly id: string
  readonly attempt: number
  readonly bytes: number
  readonly ageMs: number
  readonly chain: string
  readonly number: number
}

const ANSWERS = { ack: 'delivered', retry: 'requeued', dead: 'dead_lettered', release: 'released' } as const

class Log implements Source<FakeBatch & { readonly items: readonly LogItem[] }, LogItem> {
  readonly chainsAwaitAnswers = false
  /** Pulled, not answered. */
  readonly open = new Set<string>()
  /** Of each chain that is kept back, what is to be given again, by number. */
  private readonly held = new Map<string, Map<number, LogItem>>()
  private readonly random: SeededRandom
  private rest: readonly LogItem[]
  private pulls = 0

  constructor(random: SeededRandom, items: readonly LogItem[]) {
    this.random = random
    this.rest = items
  }

  async pull(limit: number): Promise<FakeBatch & { readonly items: readonly LogItem[] } | null> {
    await settleDown(this.random.integer(0, 2))
    const items = [...this.retried(), ...this.page(this.random.integer(1, limit))]
    if (items.length === 0) return this.rest.length > 0 ? this.pull(limit) : null
    for (const { id } of items) this.open.add(id)
    return { id: `claim-${this.pulls += 1}`, items, leaseMs: 30_000, solo: this.random.next() < 0.1 && items.length === 1 }
  }

  async settle(batch: FakeBatch, outcomes: readonly Outcome[]): Promise<readonly Answer[]> {
    await settleDown(this.random.integer(0, 3))
    const isLost = this.random.next() < 0.05
    const items = new Map((batch.items as readonly LogItem[]).map((one) => [one.id, one]))
    return outcomes.map(({ id, kind }) => {
      this.open.delete(id)
      if (isLost || kind === 'retry' || kind === 'release') this.hold(items.get(id)!, isLost || kind === 'retry')
      return isLost ? 'lost_claim' : ANSWERS[kind]
    })
  }

  extend(): Promise<boolean> {
    return Promise.resolve(true)
  }

  private hold(one: LogItem, tried: boolean): void {
    const held = this.held.get(one.chain) ?? new Map<number, LogItem>()
    this.held.set(one.chain, held.set(one.number, { ...one, attempt: one.attempt + (tried ? 1 : 0) }))
  }

  /** Chains of which nothing is open go on. */
  private retried(): LogItem[] {
    const free = [...this.held].filter(([chain]) => ![...this.open].some((id) => id.startsWith(`${chain}.`)))
    for (const [chain] of free) this.held.delete(chain)
    return free.flatMap(([, held]) => [...held.values()].sort((a, b) => a.number - b.number))
  }

  private page(limit: number): LogItem[] {
    const page = this.rest.slice(0, limit)
    this.rest = this.rest.slice(limit)
    for (const one of page) if (this.held.has(one.chain)) this.hold(one, false)
    return page.filter(({ chain }) => !this.held.has(chain))
  }
}

/** What was tried of each chain: an item is tried first when all before it have ended, and none beside another. */
class Rule {
  readonly ended = new Map<string, Set<number>>()
  private readonly underWay = new Set<string>()

  began({ chain, number }: LogItem): void {
    if (this.underWay.has(chain)) throw new Error(`${chain}.${number} began beside another`)
    this.underWay.add(chain)
    const ended = this.ended.get(chain) ?? new Set()
    for (let before = 0; before < number; before += 1) {
      if (!ended.has(before)) throw new Error(`${chain}.${number} began before ${chain}.${before} had ended`)
    }
  }

  finished({ chain, number }: LogItem, error?: Error): void {
    this.underWay.delete(chain)
    if (error !== undefined && !(error instanceof WaybillError)) return
    this.ended.set(chain, (this.ended.get(chain) ?? new Set()).add(number))
  }
}

function delivery(random: SeededRandom, rule: Rule, broken: Error[]): (one: LogItem) => Promise<void> | undefined {
  const end = (one: LogItem): void => {
    const error = random.next() >= 0.12 ? undefined : random.next() < 0.3
      ? new WaybillError('PERMANENT', 'never', { retryable: false }) : new Error('not now')
    rule.finished(one, error)
    if (error !== undefined) throw error
  }
  return (one) => {
    try {
      rule.began(one)
    } catch (error) {
      broken.push(error as Error)
    }
    if (random.next() < 0.4) return void end(one)
    return settleDown(random.integer(0, 4)).then(() => end(one))
  }
}

function logOf(random: SeededRandom, chains: number, count: number): LogItem[] {
  const numbers = new Map<string, number>()
  return Array.from({ length: count }, () => {
    const chain = `s${random.integer(0, random.integer(0, chains - 1))}`
    const number = numbers.get(chain) ?? 0
    numbers.set(chain, number + 1)
    return { ...item(`${chain}.${number}`), chain, number }
  })
}

test('per chain first tries ascend and nothing overlaps, whatever fails (500 seeds)', async () => {
  await forEachSeed(Array.from({ length: 500 }, (_, seed) => seed), async (random, seed) => {
    const items = logOf(random, random.integer(1, 12), random.integer(20, 80))
    const log = new Log(random, items)
    const rule = new Rule()
    const broken: Error[] = []
    const runner = new Runner(log, delivery(random, rule, broken), {
      batch: random.integer(1, 12), concurrency: random.integer(1, 6), settleEveryMs: 0, pollMaxMs: 1,
    })
    if (seed % 4 === 3) {
      await runner.start()
      await settleDown(random.integer(1, 20))
      expect(await runner.stop()).toMatchObject({ abandoned: 0 })
      expect(log.open.size).toBe(0)
    } else {
      await runner.drain()
      await runner.stop()
      expect([...rule.ended.values()].reduce((sum, { size }) => sum + size, 0)).toBe(items.length)
    }
    expect(broken).toEqual([])
    expect(runner.counters()).toMatchObject({ inFlight: 0, buffered: 0, bytesInFlight: 0 })
  })
}, 120_000)
