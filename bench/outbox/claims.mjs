// What a claim costs beside a backlog that it cannot take, on both databases.
import { createWaybill } from '../../dist/index.js'
import { BACKLOG_LANES, openBacklog } from '../backlog.mjs'
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { withStore } from '../stores.mjs'

const BATCH = 100
const LABELS = {
  'ordered': 'no backlog', 'hot-key': 'one key, its head claimed', 'blocked-head': 'one key, its head dead',
}

export async function claimsBesideBacklogs(bench) {
  const { backlog, claimRounds } = bench.sizes
  const rows = []
  const bars = []
  for (const name of ['postgres', 'sqlite']) {
    const measurements = await withStore(name, { url: bench.url }, async (store) => {
      const waybill = createWaybill({ store, lanes: BACKLOG_LANES })
      await waybill.migrate()
      const variants = {}
      for (const lane of Object.keys(LABELS)) {
        const prepared = await openBacklog(waybill, lane, backlog, BATCH)
        variants[lane] = () => prepared.measure()
      }
      return interleave(variants, claimRounds)
    })
    for (const [lane, label] of Object.entries(LABELS)) {
      rows.push([
        `${name}, ${label}`, measurements.median(lane, 'claimMs').toFixed(2),
        measurements.ratio(lane, 'ordered', 'claimMs').toFixed(2), measurements.median(lane, 'pollMs').toFixed(2),
      ])
    }
    const claim = (lane) => measurements.ratio(lane, 'ordered', 'claimMs')
    bars.push(
      bar(`${name} claim behind a hot key / with no backlog`, claim('hot-key'), '<=', 3),
      bar(`${name} claim behind a blocked head / with no backlog`, claim('blocked-head'), '<=', 3))
  }
  return {
    title: `A claim of ${BATCH} in an ordered lane, beside ${backlog.toLocaleString('en-US')} messages of one key`,
    columns: ['', 'claim ms', 'to no backlog', 'empty poll ms'],
    rows, bars,
  }
}
