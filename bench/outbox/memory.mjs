// What a relay holds while it drains a large backlog, in a process of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { bar } from '../measure/bars.mjs'
import { median } from '../measure/statistics.mjs'
import { fill } from './by-hand.mjs'

const MEBIBYTE = 2 ** 20

async function relayProcess(url, flags = []) {
  const child = spawn(process.execPath, [...flags, join(import.meta.dirname, 'memory-relay.mjs'), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close')])
  if (code !== 0) throw new Error(`the relay's process ended with ${code}`)
  return JSON.parse(output)
}

export async function memory(bench) {
  const count = bench.sizes.memory
  await bench.empty()
  await fill(bench.admin, bench.byHand, count)
  await bench.vacuum()
  const { delivered, rss, seconds } = await relayProcess(bench.url)
  if (delivered !== count) throw new Error(`delivered ${delivered} of ${count}`)
  await bench.mustHold(0, 'the relay')
  const quarter = (n) => rss.slice(Math.floor(rss.length * n / 4), Math.ceil(rss.length * (n + 1) / 4))
  const peak = Math.max(...rss) / MEBIBYTE
  const growth = median(quarter(3)) / median(quarter(1))
  return {
    title: `A relay's memory over a backlog of ${count.toLocaleString('en-US')} messages`,
    columns: ['', 'MiB'],
    rows: [
      ['resident at the start', (rss[0] / MEBIBYTE).toFixed(0)],
      ['median of the second quarter', (median(quarter(1)) / MEBIBYTE).toFixed(0)],
      ['median of the last quarter', (median(quarter(3)) / MEBIBYTE).toFixed(0)],
      ['highest', peak.toFixed(0)],
    ],
    notes: [`${rss.length} samples in ${seconds.toFixed(1)} s.`],
    bars: [
      bar('relay RSS in MiB over a large backlog', peak, '<=', 150),
      bar('relay RSS of the last quarter / of the second', growth, '<=', 1.1),
    ],
  }
}
