/**
 * What a client sends to a server of the Redis protocol, which is also what the server writes to its append-only file:
 * lists of byte strings, read from packets that are cut anywhere.
 *
 *     *2⏎$4⏎HLEN⏎$4⏎rows⏎
 */
import type { RequestReader } from './reply-proxy.js'

const LIST = '*'
const BYTES = '$'
const LINE_END = '\r\n'

export class RedisCommandReader {
  #rest: Buffer = Buffer.alloc(0)

  /** The commands that were completed by this packet. @throws for anything else. */
  push(packet: Buffer): Buffer[][] {
    this.#rest = this.#rest.length === 0 ? packet : Buffer.concat([this.#rest, packet])
    const commands: Buffer[][] = []
    for (let read = readCommand(this.#rest); read !== undefined; read = readCommand(this.#rest)) {
      commands.push(read.command)
      this.#rest = this.#rest.subarray(read.end)
    }
    return commands
  }
}

/** Every script changes something, where it is a producer that sends it. */
export class ScriptReader implements RequestReader {
  readonly #commands = new RedisCommandReader()

  push(packet: Buffer): number {
    return this.#commands.push(packet).filter(([name]) => /^EVAL(?:SHA)?$/i.test(name?.toString() ?? '')).length
  }
}

/** The first command, once all of it is there. */
function readCommand(bytes: Buffer): { readonly command: Buffer[]; readonly end: number } | undefined {
  const head = readLength(bytes, 0, LIST)
  if (head === undefined) return undefined
  const command: Buffer[] = []
  let at = head.end
  for (let left = head.length; left > 0; left -= 1) {
    const part = readLength(bytes, at, BYTES)
    if (part === undefined || part.end + part.length + LINE_END.length > bytes.length) return undefined
    command.push(bytes.subarray(part.end, part.end + part.length))
    at = part.end + part.length + LINE_END.length
  }
  return { command, end: at }
}

function readLength(
  bytes: Buffer, at: number, kind: string,
): { readonly length: number; readonly end: number } | undefined {
  const end = bytes.indexOf(LINE_END, at)
  if (end < 0) return undefined
  const line = bytes.toString('latin1', at, end)
  if (!/^.\d+$/.test(line) || !line.startsWith(kind)) throw new Error(`this is no command: ${line.slice(0, 40)}`)
  return { length: Number(line.slice(1)), end: end + LINE_END.length }
}
