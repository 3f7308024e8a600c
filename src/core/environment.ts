/**
 * Everything that is not determined by its inputs comes from here, so that a
 * test can replace it and a reader can find it: time, randomness and waiting.
 */
import { randomBytes, randomUUID } from 'node:crypto'
import { hostname } from 'node:os'

/** Milliseconds since the Unix epoch, an integer in 0…2^53−1. */
export type Clock = () => number

export const systemClock: Clock = () => Date.now()

/** Milliseconds that never jump; only differences mean anything. Leases are watched with this. */
export const monotonicMs = (): number => performance.now()

/** A number in [0, 1). */
export type Random = () => number

export const systemRandom: Random = () => Math.random()

/** A fresh unguessable token, one per claim. */
export const newToken = (): string => randomUUID()

/** RFC 9562: 48 bits of the time in ms, version 7, 74 random bits. Sorts by the system's clock, not within one ms. */
export function newUuidV7(now: Clock = systemClock): string {
  const bytes = randomBytes(16)
  bytes.writeUIntBE(now(), 0, 6)
  bytes.writeUInt8(0x70 | (bytes.readUInt8(6) & 0x0f), 6)
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Lower-case letters and digits, unguessable enough to name a store apart from every other. */
export function newTag(length: number): string {
  const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
  return Array.from(randomBytes(length), (byte) => alphabet[byte % 32]).join('')
}

/** Names this process, and whatever of it works apart: `<host>:<process>:<random>`. */
export function newConsumer(): string {
  return `${hostname()}:${process.pid}:${newTag(6)}`
}

/** Resolves after `ms`, or at once when the signal aborts. It never rejects: the caller asks the signal. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve()
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    // setTimeout fires at once for delays of 2^31 ms and more.
    const timer = setTimeout(done, Math.min(ms, 2 ** 31 - 1))
    signal?.addEventListener('abort', done, { once: true })
  })
}
