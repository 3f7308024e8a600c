/** `payload-*` of the journal: bytes come back as they were given. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { eventOf, journalOf, only, rejectsWith, STREAM } from './context.js'

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const BYTES: readonly (readonly [string, Uint8Array])[] = [
  ['all 256 values', ALL_BYTES],
  ['a part of a larger buffer', Buffer.from([1, ...ALL_BYTES, 2]).subarray(1, 257)],
  ['none', new Uint8Array()],
  ['what looks like an escape', Buffer.from('\\x00\\000\'"{}')],
  ['200,000 bytes', Buffer.alloc(200_000, ALL_BYTES)],
]

export const payloadCases: readonly JournalCase[] = [
  {
    id: 'bytes-1', title: 'any bytes, none included, singly and in one append',
    async run(context) {
      for (const [stream, payload] of BYTES) await context.append({ stream, payload })
      await context.append(...BYTES.map(([, payload]) => ({ payload })))
      const together = await context.journal.read(STREAM)
      for (const [n, [stream, payload]] of BYTES.entries()) {
        const single = only(await context.journal.read(stream))
        for (const event of [single, together[n]]) {
          assert.ok(event !== undefined && Buffer.from(payload).equals(event.payload), stream)
          assert.equal(event.contentType, 'application/octet-stream')
        }
      }
    },
  },
  {
    id: 'bytes-2', title: 'what the caller changes afterwards is not changed in the journal',
    async run(context) {
      const [payload, tags, headers] = [Buffer.from('before'), ['a'], { h: '1' }]
      const transaction = await context.begin()
      await context.appendIn(transaction, { payload, tags, headers })
      payload.write('after!')
      tags.push('b')
      headers.h = '2'
      await transaction.commit()
      const event = only(await context.journal.read(STREAM))
      assert.equal(Buffer.from(event.payload).toString(), 'before')
      assert.deepEqual([event.tags, event.headers], [['a'], { h: '1' }])
    },
  },
  {
    id: 'bytes-3', title: 'one byte too many is refused, and nothing of the append is written',
    async run(context) {
      const journal = journalOf(context.opened, { maxPayloadBytes: 10 })
      await journal.appendAlone([eventOf({ payload: Buffer.alloc(10) })])
      const error = await rejectsWith('PAYLOAD_TOO_LARGE', () =>
        journal.appendAlone([eventOf({ payload: 1 }), eventOf({ payload: Buffer.alloc(11) })]))
      assert.deepEqual(error.details, { bytes: 11, maxPayloadBytes: 10 })
      assert.equal(await context.journal.highestSequence(STREAM), 1n)
    },
  },
  {
    id: 'bytes-4', title: 'hostile text in every field',
    async run(context) {
      const texts = [
        `it's`, '"q"', 'back\\slash\\', '$1 $2', '?1', ':n', '{a,b}', 'NULL', ' x ', '--', '日本 🚚', '\u0001\u007f',
      ]
      const parts = texts.map((text) => ({
        stream: text, type: text, manifest: text, tags: [text], contentType: text, payload: Buffer.from(text),
        headers: { h: text.replaceAll(/[\0\r\n]/g, '') },
      }))
      const writerId = texts.join('')
      const [first, ...rest] = parts
      if (first !== undefined) await context.appendWith({ writerId, idempotencyKey: writerId }, first)
      await context.appendWith({ writerId }, ...rest)
      for (const part of parts) {
        const event = only(await context.journal.read(part.stream))
        const { stream, type, manifest, tags, contentType, headers, payload } = event
        assert.deepEqual({ stream, type, manifest, tags, contentType, headers, payload: Buffer.from(payload) }, part)
        assert.equal(event.writerId, writerId)
      }
    },
  },
]
