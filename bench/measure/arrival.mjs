// How long one thing takes to arrive, at rest: each is sent a little after the one before has arrived.
import { setTimeout as pause } from 'node:timers/promises'
import { percentile } from './statistics.mjs'

const BETWEEN_MS = 5

/** A place where a delivery is waited for. */
export class Arrival {
  #arrived

  next() {
    return new Promise((resolve) => {
      this.#arrived = resolve
    })
  }

  now() {
    this.#arrived?.(performance.now())
  }
}

/** `send` answers when it sent the nth. */
export async function lags(count, send, arrival) {
  const measured = []
  for (let n = 0; n < count; n += 1) {
    await pause(BETWEEN_MS)
    const arrived = arrival.next()
    const sent = await send(n)
    measured.push(await arrived - sent)
  }
  return { p50: percentile(measured, 0.5), p99: percentile(measured, 0.99) }
}
