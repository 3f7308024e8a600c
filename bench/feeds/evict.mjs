// A commit that makes the oldest result leave, in a small ring and in a large one.
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { bytesByHand, changeOf } from './orders.mjs'

const SMALL = 1_000

export async function evictions({ beds, sizes: { evictions: count, largeRing, rounds } }) {
  const rows = []
  const bars = []
  for (const bed of beds) {
    const small = await full(bed, SMALL)
    const large = await full(bed, largeRing)
    const variant = (feed) => async () => {
      const began = performance.now()
      for (let n = 0; n < count; n += 1) await bed.commit(feed, [[changeOf(n)]])
      return { commitMicros: ((performance.now() - began) * 1_000) / count }
    }
    const measurements = await interleave({ small: variant(small), large: variant(large) }, rounds)
    const ratio = measurements.ratio('large', 'small', 'commitMicros')
    for (const [name, capacity] of [['small', SMALL], ['large', largeRing]]) {
      rows.push([
        `${bed.name}: a ring of ${capacity.toLocaleString('en-US')}`,
        measurements.median(name, 'commitMicros').toFixed(0), measurements.ratio(name, 'small', 'commitMicros').toFixed(2),
      ])
    }
    bars.push(bar(`${bed.name} commit, a ring of ${largeRing.toLocaleString('en-US')} / of 1,000`, ratio, '<=', 1.3))
  }
  return { title: 'A commit of one result to a ring that is full', columns: ['', 'µs', 'to 1,000'], rows, bars }
}

/** Filled by hand, so that it is quick; the feed goes on from there. */
async function full(bed, capacity) {
  const feed = await bed.feed(capacity)
  await bed.fillLog(feed, capacity, bytesByHand(0).result)
  return feed
}
