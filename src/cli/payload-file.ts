/** A payload from a file. */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { CliError } from './cli-error.js'
import type { Io } from './io.js'

/** @param next what to do when it cannot be read. @throws NOT_FOUND. */
export async function readPayload(io: Io, file: string, next: string): Promise<Uint8Array> {
  try {
    return await readFile(resolve(io.cwd, file))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new CliError('NOT_FOUND', `the payload cannot be read: ${reason}`, { next, cause })
  }
}
