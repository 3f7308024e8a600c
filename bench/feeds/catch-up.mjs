// Reading on from the earliest result, page by page, to the raw read of the same bytes by hand, parsed.
import { bar } from '../measure/bars.mjs'
import { measureOwn } from '../measure/own-load.mjs'
import { interleave } from '../measure/rounds.mjs'
import { short } from '../measure/table.mjs'
import { changeOf } from './orders.mjs'

const PAGE = 1_000

async function readAll(feed, count) {
  let seen = 0
  for (let after = 0n; ;) {
    const page = await feed.after(after, { limit: PAGE })
    for (const { changes: [change] } of page.results) if (change.after.orderId !== undefined) seen += 1
    after = page.results.at(-1)?.sequence ?? after
    if (!page.hasMore) break
  }
  if (seen !== count) throw new Error(`waybill read ${seen} results of ${count}`)
}

async function readByHand(bed, feed, count) {
  let seen = 0
  for await (const content of bed.readByHand(feed, PAGE)) {
    const text = content.toString()
    // Behind the line that says what is in it is the row.
    if (JSON.parse(text.slice(text.indexOf('\n') + 1)).orderId !== undefined) seen += 1
  }
  if (seen !== count) throw new Error(`by hand ${seen} results were read of ${count}`)
}

export async function catchUp({ beds, sizes: { retained, rounds } }) {
  const rows = []
  const bars = []
  for (const bed of beds) {
    const feed = await bed.feed(retained)
    for (let first = 0; first < retained; first += PAGE) {
      await bed.commit(feed, Array.from({ length: Math.min(PAGE, retained - first) }, (_, n) => [changeOf(first + n)]))
    }
    const measurements = await interleave({
      waybill: () => measureOwn(retained, () => readAll(feed, retained)),
      hand: () => measureOwn(retained, () => readByHand(bed, feed, retained)),
    }, rounds)
    for (const [name, label] of [['waybill', 'waybill `after`'], ['hand', 'by hand']]) {
      rows.push([
        `${bed.name}: ${label}`, short(measurements.median(name, 'rate')),
        measurements.ratio(name, 'hand', 'rate').toFixed(2), short(measurements.median(name, 'nodeMicros')),
      ])
    }
    bars.push(bar(`${bed.name} catch-up / the raw read by hand`, measurements.ratio('waybill', 'hand', 'rate'), '>=', 0.6))
  }
  return {
    title: `Catching up with ${retained.toLocaleString('en-US')} results, ${PAGE.toLocaleString('en-US')} a page`,
    columns: ['', 'results/s', 'to by hand', 'client µs'], rows, bars,
  }
}
