// A snapshot of many rows, and what memory it takes to read it.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { bar } from '../measure/bars.mjs'
import { short } from '../measure/table.mjs'
import { rowsOf } from './orders.mjs'

const FILL = 10_000
const LOOK_EVERY = 50_000
/** What a page of rows, and what its reading leaves until it is collected, may take. */
const MAX_GROWTH_MIB = 64

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const MIB = 1_024 * 1_024

/** Of what is alive. */
function usedMib() {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return (heapUsed + external) / MIB
}

export async function snapshots({ beds, sizes: { rows: count } }) {
  const rows = []
  const bars = []
  for (const bed of beds) {
    const feed = await bed.feed(1_000)
    for (let first = 0; first < count; first += FILL) {
      await bed.fillRows(feed, rowsOf(Math.min(FILL, count - first)).map((row) => (
        { ...row, signature: row.signature + BigInt(first) })))
    }
    const before = usedMib()
    let most = before
    let seen = 0
    let looked = 0
    const began = performance.now()
    const snapshot = await feed.snapshot()
    for await (const { value } of snapshot.rows) {
      if (value.orderId === undefined) throw new Error(`${bed.name} gave a row that was not put in`)
      seen += 1
      if (seen % LOOK_EVERY !== 0) continue
      const at = performance.now()
      most = Math.max(most, usedMib())
      looked += performance.now() - at
    }
    if (seen !== count) throw new Error(`${bed.name} gave ${seen} rows of ${count}`)
    const seconds = (performance.now() - began - looked) / 1_000
    rows.push([bed.name, short(count / seconds), (most - before).toFixed(1)])
    bars.push(bar(`${bed.name} MiB alive while a snapshot is read`, most - before, '<=', MAX_GROWTH_MIB))
  }
  return {
    title: `A snapshot of ${count.toLocaleString('en-US')} rows`, columns: ['', 'rows/s', 'MiB more than before'], rows, bars,
  }
}
