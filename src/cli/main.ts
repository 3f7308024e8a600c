#!/usr/bin/env node
/** The process around the program. */
import { EXIT } from './exit-codes.js'
import type { StopSignal } from './io.js'
import { run } from './run.js'

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM']

// Node warns that its SQLite is experimental, which nobody asked here. Other warnings are printed.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
})
// The reader of a pipe has gone, as after `waybill list | head`: end quietly, but not as if all was said.
process.stdout.on('error', () => process.exit(EXIT.failed))

/** A terminal is not waited for: nobody was asked to type. */
async function input(maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Buffer[] = []
  if (process.stdin.isTTY === true) return Buffer.alloc(0)
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.byteLength
    if (bytes > maxBytes) return undefined
  }
  return Buffer.concat(chunks)
}

const exitCode = await run(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  input,
  env: process.env,
  cwd: process.cwd(),
  isTerminal: process.stdout.isTTY === true,
  columns: () => (process.stdout.isTTY === true ? process.stdout.columns : undefined),
  rows: () => (process.stdout.isTTY === true ? process.stdout.rows : undefined),
  onStop(listener) {
    for (const signal of STOP_SIGNALS) process.on(signal, listener)
    return () => {
      for (const signal of STOP_SIGNALS) process.off(signal, listener)
    }
  },
  now: () => Date.now(),
})
// What a configuration opened, such as a pool of its own, must not keep the program. Written out first.
process.stdout.write('', () => process.exit(exitCode))
