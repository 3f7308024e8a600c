/** What a Redis server has done, by its append-only file: nothing that it answered is missing there. */
import { closeSync, openSync, readSync } from 'node:fs'
import { RedisCommandReader } from '../faults/redis-commands.js'

const CHUNK_BYTES = 1 << 20

/**
 * Every command that took effect, in order. What a script did is between MULTI and EXEC, and counts when both are
 * there: the server does the same when it starts.
 */
export function* appendedCommands(path: string): Generator<readonly string[]> {
  let together: string[][] | undefined
  for (const command of readCommands(path)) {
    const name = command[0]?.toUpperCase()
    if (name === 'MULTI') together = []
    else if (name === 'EXEC') {
      yield* together ?? []
      together = undefined
    } else if (together === undefined) yield command
    else together.push(command)
  }
}

function* readCommands(path: string): Generator<string[]> {
  const reader = new RedisCommandReader()
  const file = openSync(path, 'r')
  try {
    for (;;) {
      const chunk = Buffer.alloc(CHUNK_BYTES)
      const size = readSync(file, chunk)
      if (size === 0) return
      for (const command of reader.push(chunk.subarray(0, size))) yield command.map((part) => part.toString())
    }
  } finally {
    closeSync(file)
  }
}
