// Processes that share one publisher. They are let get to know each other on events that trickle in; then a backlog
// appears at once, in one transaction, and the clock runs until all of it is published.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { interleave } from '../measure/rounds.mjs'
import { short } from '../measure/table.mjs'
import { appendMany, fill } from './append-by-hand.mjs'
import { eventsOf } from './events.mjs'

const STREAMS = 1_000
const SCRIPT = join(import.meta.dirname, 'publisher-process.mjs')
/** Rounds of warming up, after which it is measured however the streams are shared. */
const MOST_TRICKLES = 300

class Group {
  #children
  #published
  #last = 0
  #reached

  static async open(url, name, count) {
    const group = new Group(url, name, count)
    await Promise.all(group.#children.map((child) => once(child, 'message')))
    return group
  }

  constructor(url, name, count) {
    this.#children = Array.from({ length: count }, () => fork(SCRIPT, [url, name]))
    this.#published = this.#children.map(() => 0)
    this.#children.forEach((child, n) => child.on('message', ({ published, at }) => {
      this.#published[n] = published
      this.#last = Math.max(this.#last, at)
      this.#reached?.()
    }))
  }

  get each() {
    return [...this.#published]
  }

  get total() {
    return this.#published.reduce((sum, published) => sum + published, 0)
  }

  /** Resolves with the time at which so many had been published in all. */
  async until(total) {
    const children = this.#children
    await new Promise((resolve, reject) => {
      this.#reached = () => { if (this.total >= total) resolve() }
      for (const child of children) child.once('exit', () => reject(new Error('a process that publishes has ended')))
      this.#reached()
    })
    return this.#last
  }

  async close() {
    await Promise.all(this.#children.map(async (child) => {
      const exit = once(child, 'exit')
      child.send('stop')
      await exit
    }))
  }
}

/** Until each has published at least half its share of a page over all streams. Answers how many events that took. */
async function warmUp(bench, group, processes) {
  let appended = 0
  for (let trickles = 0; trickles < MOST_TRICKLES; trickles += 1) {
    const before = group.each
    await appendMany(bench.admin, eventsOf(STREAMS, STREAMS, appended))
    appended += STREAMS
    await group.until(appended)
    if (group.each.every((published, n) => published - before[n] >= STREAMS / processes / 2)) return appended
    await pause(5)
  }
  return appended
}

async function shared(bench, processes) {
  const { competing: count } = bench.sizes
  await bench.empty()
  const group = await Group.open(bench.url, bench.newName(), processes)
  try {
    const appended = await warmUp(bench, group, processes)
    await bench.admin.query('begin')
    await fill(bench.admin, count, { streams: STREAMS, each: STREAMS, first: appended })
    const before = group.each
    const began = performance.timeOrigin + performance.now()
    await bench.admin.query('commit')
    const ended = await group.until(appended + count)
    if (group.total !== appended + count) throw new Error(`${group.total - appended} events were published of ${count}`)
    const least = Math.min(...group.each.map((published, n) => published - before[n])) / count
    return { rate: count / ((ended - began) / 1_000), least }
  } finally {
    await group.close()
  }
}

export async function competing(bench) {
  const variants = Object.fromEntries(bench.sizes.processes.map((processes) => [`${processes} `, () => shared(bench, processes)]))
  const measurements = await interleave(variants, bench.sizes.competingRounds)
  return {
    title: `Processes that share a publisher, and a backlog of ${bench.sizes.competing.toLocaleString('en-US')} events`,
    columns: ['processes', 'events/s', 'to one', 'least share of one'],
    rows: measurements.names.map((name) => [
      name.trim(), short(measurements.median(name, 'rate')), measurements.ratio(name, '1 ', 'rate').toFixed(2),
      measurements.median(name, 'least').toFixed(2),
    ]),
    bars: [],
  }
}
