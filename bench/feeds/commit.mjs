// A commit of one result in a transaction of its own, and of a hundred results in one: to the same statements by hand.
import { bar } from '../measure/bars.mjs'
import { measureOwn } from '../measure/own-load.mjs'
import { interleave } from '../measure/rounds.mjs'
import { short } from '../measure/table.mjs'
import { bytesByHand, changeOf } from './orders.mjs'

const TOGETHER = 100
const CAPACITY = 1_000
const COLUMNS = ['', 'results/s', 'to by hand', 'client µs']

const numbers = (first, count) => Array.from({ length: count }, (_, n) => first + n)

/** `each` results at a time, until there are `count`. */
async function measureCommits(bed, count, each, rounds) {
  const variant = (begin) => async () => {
    const commit = await begin()
    return measureOwn(count, async () => {
      for (let done = 0; done < count; done += each) await commit(numbers(done, each))
    })
  }
  const measurements = await interleave({
    waybill: variant(async () => {
      const feed = await bed.feed(CAPACITY)
      return (all) => bed.commit(feed, all.map((n) => [changeOf(n)]))
    }),
    hand: variant(async () => {
      const feed = await bed.feedByHand(CAPACITY)
      return (all) => bed.commitByHand(feed, all.map((n) => ({ n, ...bytesByHand(n) })))
    }),
  }, rounds)
  const row = (name, label) => [
    `${bed.name}: ${label}`, short(measurements.median(name, 'rate')), measurements.ratio(name, 'hand', 'rate').toFixed(2),
    short(measurements.median(name, 'nodeMicros')),
  ]
  return {
    rows: [row('waybill', 'waybill `commit`'), row('hand', 'by hand')],
    ratio: measurements.ratio('waybill', 'hand', 'rate'),
  }
}

async function section(beds, title, name, count, each, rounds) {
  const measured = []
  for (const bed of beds) measured.push({ bed, ...await measureCommits(bed, count, each, rounds) })
  return {
    title, columns: COLUMNS, rows: measured.flatMap(({ rows }) => rows),
    bars: measured.map(({ bed, ratio }) => bar(`${bed.name} ${name} / the same by hand`, ratio, '>=', 0.8)),
  }
}

export async function commits({ beds, sizes: { commits: count, together, rounds } }) {
  return [
    await section(beds, 'One result in a transaction of its own; a ring of 1,000, which is full', 'commit of one', count,
      1, rounds),
    await section(beds, `${TOGETHER} results in one transaction`, `commit of ${TOGETHER}`, together * TOGETHER, TOGETHER,
      rounds),
  ]
}
