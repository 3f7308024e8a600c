/** A server forgets the sessions of the dead, and processes that were stopped leave none. */
import { setTimeout as wait } from 'node:timers/promises'
import type { Stage } from './stage.js'

const WITHIN_MS = 5_000

/** Which of these applications have some, as problems. */
export async function leftSessions({ server }: Stage, applications: readonly string[]): Promise<string[]> {
  const problems: string[] = []
  if (server === undefined) return problems
  for (const application of applications) {
    const until = performance.now() + WITHIN_MS
    while (performance.now() < until && await server.sessions(application) > 0) await wait(50)
    if (await server.sessions(application) > 0) problems.push(`sessions of ${application} were left open`)
  }
  return problems
}
