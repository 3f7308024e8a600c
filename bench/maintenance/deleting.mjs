// Rounds of producing alone and of producing beside a deletion, one after another, until all is gone.
import { bar } from '../measure/bars.mjs'
import { median, pairedRatio, percentile } from '../measure/statistics.mjs'
import { short } from '../measure/table.mjs'
import { Crew } from './crew.mjs'

/** More rounds than any deletion may take. */
const MAX_ROUNDS = 200

export async function deleting(bed, { rows, producers, quietMs, deletingMs, thinkMs }) {
  const crew = await Crew.start(bed.name, bed.address, { producers })
  const rounds = []
  try {
    // The first round is for plans and caches.
    await crew.produce(quietMs, thinkMs)
    for (let removed = 0; removed < rows && rounds.length < MAX_ROUNDS;) {
      const quiet = await crew.produce(quietMs, thinkMs)
      const round = await crew.deleteWhileProducing(deletingMs, thinkMs)
      rounds.push({ quiet, ...round })
      removed += round.removed
    }
  } finally {
    await crew.end()
  }
  const left = await bed.left()
  if (left > 0) throw new Error(`${bed.name}: ${left} of ${rows} are left`)
  return sectionOf(bed, rounds)
}

function sectionOf({ name }, rounds) {
  // Of the last round only as long as there was something to delete; too short to say anything of a percentile.
  const whole = rounds.length > 1 ? rounds.slice(0, -1) : rounds
  const all = (side) => whole.map((round) => round[side])
  const at = (side, share) => median(all(side).map((took) => percentile(took, share)))
  const ratio = (share) => pairedRatio(
    all('took').map((took) => percentile(took, share)), all('quiet').map((took) => percentile(took, share)))
  const batches = rounds.flatMap((round) => round.batches)
  const seconds = rounds.reduce((sum, round) => sum + round.durationMs, 0) / 1_000
  const removed = rounds.reduce((sum, round) => sum + round.removed, 0)
  const row = (label, side) => [
    label, String(all(side).reduce((sum, took) => sum + took.length, 0)),
    ...[0.5, 0.9, 0.99].map((share) => short(at(side, share))),
  ]
  return {
    title: `${name}: transactions of producers beside a deletion`,
    columns: ['', 'transactions', 'p50 ms', 'p90 ms', 'p99 ms'],
    rows: [
      row('alone', 'quiet'), row('beside the deletion', 'took'),
      ['ratio', '', ...[0.5, 0.9, 0.99].map((share) => ratio(share).toFixed(2))],
    ],
    notes: [
      `${removed.toLocaleString('en-US')} messages in ${batches.length.toLocaleString('en-US')} batches, `
        + `${short(removed / seconds)} per second over ${seconds.toFixed(0)} s of ${rounds.length} rounds; a batch had `
        + `${short(median(batches.map(({ size }) => size)))} (median) and took `
        + `${short(median(batches.map(({ ms }) => ms)))} ms (median), `
        + `${short(percentile(batches.map(({ ms }) => ms), 0.99))} ms (p99).`,
    ],
    bars: [bar(`${name} producers' p99 beside a deletion / alone`, ratio(0.99), '<=', 1.2)],
  }
}
