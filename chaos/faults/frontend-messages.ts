/**
 * What a PostgreSQL client sends, read from packets that are cut anywhere, as far as to know a COMMIT: a simple query
 * of it, or a Parse.
 *
 * A connection begins with packets that have no type: requests for encryption, then the startup with the protocol's
 * version. After that each message is a type, a length that counts itself, and a body.
 */
import type { RequestReader } from './reply-proxy.js'

const FIRST_HEADER = 8
const HEADER = 5
const PROTOCOL_3 = 3
const SIMPLE_QUERY = 'Q'
const PARSE = 'P'
const COMMIT = /^\s*(?:commit|end)\b/i

export class FrontendMessages implements RequestReader {
  #rest: Buffer = Buffer.alloc(0)
  #started = false

  /** How many COMMITs were completed by this packet. */
  push(packet: Buffer): number {
    this.#rest = this.#rest.length === 0 ? packet : Buffer.concat([this.#rest, packet])
    let commits = 0
    for (let size = this.#next(); size !== undefined; size = this.#next()) {
      const message = this.#rest.subarray(0, size)
      if (!this.#started) this.#started = message.readUInt16BE(4) === PROTOCOL_3
      else if (isCommit(message)) commits += 1
      this.#rest = this.#rest.subarray(size)
    }
    return commits
  }

  /** The size of the first message, once all of it is there. */
  #next(): number | undefined {
    if (this.#rest.length < (this.#started ? HEADER : FIRST_HEADER)) return undefined
    const size = this.#started ? 1 + this.#rest.readUInt32BE(1) : this.#rest.readUInt32BE(0)
    return this.#rest.length < size ? undefined : size
  }
}

function isCommit(message: Buffer): boolean {
  const type = String.fromCharCode(message[0] ?? 0)
  if (type === SIMPLE_QUERY) return COMMIT.test(message.toString('latin1', HEADER))
  if (type !== PARSE) return false
  const nameEnd = message.indexOf(0, HEADER)
  return COMMIT.test(message.toString('latin1', nameEnd + 1))
}
