// What a relay holds while it drains a large backlog, in a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bar } from '../measure/bars.mjs'
import { median } from '../measure/statistics.mjs'
import { fill } from './by-hand.mjs'

const MEBIBYTE = 2 ** 20

/** Node takes three times this for short-lived objects; unasked, it goes up to 32 MiB on Node 24. */
const SMALL_YOUNG_GENERATION = '--max-semi-space-size=8'

/** Drains `count` messages in a process with these flags, by `work`: the relay, or the loop by hand. */
async function drained(bench, count, work, flags = []) {
  await bench.empty()
  await fill(bench.admin, bench.byHand, count)
  await bench.vacuum()
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'memory-relay.mjs'), bench.url, work], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new Error(`the process that drains ended with ${code}`)
  const { delivered, rss, seconds } = JSON.parse(output)
  if (delivered !== count) throw new Error(`delivered ${delivered} of ${count}`)
  await bench.mustHold(0, work)
  const quarter = (n) => median(rss.slice(Math.floor(rss.length * n / 4), Math.ceil(rss.length * (n + 1) / 4)))
  return {
    start: rss[0], second: quarter(1), last: quarter(3), peak: Math.max(...rss), rate: Math.round(count / seconds),
  }
}

export async function memory(bench) {
  const count = bench.sizes.memory
  const small = await drained(bench, count, 'relay', [SMALL_YOUNG_GENERATION])
  const others = bench.sizes.everyMode ? {
    'relay, Node as it is': await drained(bench, count, 'relay'),
    'by hand: claim and delete, Node as it is': await drained(bench, count, 'by hand'),
  } : {}
  const row = (label, { start, second, last, peak, rate }) => [
    label, ...[start, second, last, peak].map((bytes) => (bytes / MEBIBYTE).toFixed(0)), rate.toLocaleString('en-US'),
  ]
  return {
    title: `Resident memory of a process that drains a backlog of ${count.toLocaleString('en-US')} messages, in MiB`,
    columns: ['', 'start', 'second quarter', 'last quarter', 'highest', 'messages/s'],
    rows: [
      row(`relay, node ${SMALL_YOUNG_GENERATION}`, small),
      ...Object.entries(others).map(([label, measured]) => row(label, measured)),
    ],
    notes: ['Beyond the first row it is room for garbage, which Node fills before it collects; see docs/relay.md.'],
    bars: [
      bar('relay RSS in MiB over a large backlog, small young generation', small.peak / MEBIBYTE, '<=', 150),
      bar('relay RSS of the last quarter / of the second', small.last / small.second, '<=', 1.1),
    ],
  }
}
