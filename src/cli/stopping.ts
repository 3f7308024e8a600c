/** SIGINT and SIGTERM as something that a loop can ask and wait for. */
import type { Io } from './io.js'

/** Runs `work` with a signal that aborts at the first SIGINT or SIGTERM. */
export async function untilStopped<T>(io: Io, work: (stopped: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const end = io.onStop(() => controller.abort())
  try {
    return await work(controller.signal)
  } finally {
    end()
  }
}
