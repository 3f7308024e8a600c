/** A port for a server of a test's own, which keeps it while it is stopped and started. */
import { createServer } from 'node:net'

/** Below the range of outgoing connections: there, a client of a stopped server could connect to itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    const probe = createServer()
    const free = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}
