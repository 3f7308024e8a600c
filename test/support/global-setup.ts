import type {} from 'vitest'
import type { TestProject } from 'vitest/node'
import { packagedBinaries, PostgresServer } from './postgres-server.js'

declare module 'vitest' {
  interface ProvidedContext {
    /** A superuser's URL of the run's PostgreSQL; null where there is none (never under WAYBILL_CI). */
    postgresUrl: string | null
  }
}

/** One PostgreSQL for the whole run: the given one, else an embedded one of our own. */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const given = process.env['WAYBILL_TEST_POSTGRES_URL']
  if (given) {
    project.provide('postgresUrl', given)
    return undefined
  }
  try {
    packagedBinaries()
  } catch (error) {
    if (process.env['WAYBILL_CI']) throw error
    console.warn(`No PostgreSQL binaries for ${process.platform}-${process.arch}: PostgreSQL tests are skipped.`)
    project.provide('postgresUrl', null)
    return undefined
  }
  const server = await PostgresServer.create()
  project.provide('postgresUrl', server.url)
  return () => server[Symbol.asyncDispose]()
}
