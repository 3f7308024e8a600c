/** `payload-*`: what was enqueued is what is claimed, byte for byte, whatever it looks like. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import {
  bytesOf, draftOf, only, outboxOf, rejectsWith, type DraftPart, type OutboxContext,
} from './context.js'

const HOSTILE = [
  `'; drop table waybill_outbox; --`, '"', `''`, '\\', `\\'`, 'a\\nb', '{a,"b"}', '{}', '[1,2]', 'NULL',
  'null', 'undefined', '$1', '?1', ':x', '%', '_', '*', '(,)', '/* x */', '-0', '0x10', ' x ', 'a\tb\r\nc',
  '\u0001\u007f', 'a\u2028b', '\u202e', 'a\ufeffx', 'ﬃ', '🗝', '\u{1f469}\u200d\u{1f467}', '__proto__',
  'constructor', 'scope:1:a:b', 'x'.repeat(255), 'é'.repeat(127) + 'x',
]

export const payloadCases: readonly OutboxCase[] = [
  {
    id: 'payload-1', title: 'raw bytes: none, NUL, every byte value, and a megabit of them',
    async run(context) {
      const every = Uint8Array.from({ length: 256 }, (_, n) => n)
      await roundTrip(context, [
        new Uint8Array(), Uint8Array.of(0), Uint8Array.of(0, 0, 0), every, every.toReversed(),
        Uint8Array.from({ length: 131_072 }, (_, n) => (n * 31) % 251),
      ])
    },
  },
  {
    id: 'payload-2', title: 'JSON text is not read: large numbers, repeated keys, spaces and escapes stay',
    async run(context) {
      await roundTrip(context, [
        '{"n":12345678901234567890123}', '{"a":1,"a":2}', ' { "b" : 1 , "a" : 2 } ', '"\\u0000\\u00e9"',
        '1.0e5', '-0',
        '{"x":1e400}', 'not json at all', '\ufeff{}',
      ].map((text) => Buffer.from(text)), 'application/json')
    },
  },
  {
    id: 'payload-3', title: 'a view into a larger buffer is stored as the view',
    async run(context) {
      const buffer = Buffer.from('0123456789')
      await roundTrip(context,
        [buffer.subarray(2, 5), new Uint8Array(buffer.buffer, buffer.byteOffset + 4, 3)])
    },
  },
  {
    id: 'payload-4',
    title: 'changing the bytes or headers handed in, or those handed out, changes no message',
    async run(context) {
      const payload = Buffer.from('before')
      const headers: Record<string, string> = { a: 'before' }
      const transaction = await context.begin()
      const { id } = only(await context.enqueueIn(transaction, { payload, headers }))
      payload.write('after!')
      headers['a'] = 'after'
      await transaction.commit()
      const { message } = await context.takeOne()
      message.payload.fill(120)
      const stored = await context.get(id)
      assert.equal(bytesOf(stored).toString(), 'before')
      assert.deepEqual({ ...stored.headers }, { a: 'before' })
    },
  },
  {
    id: 'payload-5', title: '`__proto__` and its kind are ordinary names in payloads and headers',
    async run(context) {
      const text = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'
      const headers = Object.fromEntries([['__proto__', 'a'], ['constructor', 'b'], ['toString', 'c']])
      await context.enqueue({ payload: JSON.parse(text) as unknown, headers })
      const { message } = await context.takeOne()
      assert.equal(bytesOf(message).toString(), text)
      assert.deepEqual(Object.entries(message.headers).toSorted(), Object.entries(headers).toSorted())
      assert.equal(Object.hasOwn(message.headers, '__proto__'), true)
      assert.equal('polluted' in {}, false)
      assert.ok([null, Object.prototype].includes(Object.getPrototypeOf(message.headers) as object | null))
    },
  },
  {
    id: 'payload-6', title: 'JSON values: text of every script, null, false, 0, empty',
    async run(context) {
      const values = [
        null, false, 0, '', [], {}, 'é🗝\u0000\u2028', { 'ключ': ['值'] }, '\ud800', 2 ** 53 - 1, -1.5e-300,
      ]
      const ids = await context.enqueue(...values.map((payload) => ({ payload })))
      for (const [n, value] of values.entries()) {
        const message = await context.get(ids[n]?.id ?? '')
        assert.equal(bytesOf(message).toString(), JSON.stringify(value))
        assert.equal(message.contentType, 'application/json')
      }
    },
  },
  {
    id: 'payload-7',
    title: 'the largest payload is stored; a byte more is PAYLOAD_TOO_LARGE, and the transaction usable',
    async run(context) {
      const outbox = outboxOf(context.store, { maxPayloadBytes: 1_000 })
      const transaction = await context.begin()
      const fits = await outbox.enqueue(transaction.tx, draftOf({ payload: new Uint8Array(1_000) }))
      const error = await rejectsWith('PAYLOAD_TOO_LARGE', () =>
        outbox.enqueueMany(transaction.tx, [draftOf({}), draftOf({ payload: new Uint8Array(1_001) })]))
      assert.deepEqual(error.details, { bytes: 1_001, maxPayloadBytes: 1_000 })
      await rejectsWith('PAYLOAD_TOO_LARGE',
        () => outbox.enqueue(transaction.tx, draftOf({ payload: 'é'.repeat(500) })))
      const after = await outbox.enqueue(transaction.tx, draftOf({ payload: 'é'.repeat(499) }))
      await transaction.commit()
      const stored = await context.outbox.list()
      assert.deepEqual(stored.map(({ id, payload }) => [id, payload.byteLength]),
        [[fits.id, 1_000], [after.id, 1_000]])
    },
  },
  {
    id: 'payload-8', title: 'the default limit is 262,144 bytes',
    async run(context) {
      const id = await context.put({ payload: new Uint8Array(262_144).fill(7) })
      assert.equal((await context.get(id)).payload.every((byte) => byte === 7), true)
      await rejectsWith('PAYLOAD_TOO_LARGE', () => context.put({ payload: new Uint8Array(262_145) }))
    },
  },
  {
    id: 'payload-9', title: 'hostile text in every field comes back unchanged and finds its message',
    async run(context) {
      const drafts = HOSTILE.map((text, n): DraftPart => ({
        type: text, key: text, dedupeKey: text, lane: text, target: HOSTILE[(n + 1) % HOSTILE.length],
        contentType: text,
        payload: Buffer.from(text), headers: { 'x-note': text.replaceAll(/[\0\r\n]/g, '?'), [`x-${n}`]: '' },
      }))
      const results = await context.enqueue(...drafts)
      assert.ok(results.every(({ created }) => created))
      for (const [n, draft] of drafts.entries()) await hostileDraft(context, draft, results[n]?.id ?? '')
    },
  },
  {
    id: 'payload-10', title: 'hostile text as consumer, token, id, error and cursor',
    async run(context) {
      for (const text of HOSTILE) {
        const id = await context.put()
        const { token, message } = await context.takeOne({ consumer: text })
        assert.equal(message.claimedBy, text)
        assert.equal(await context.outbox.ack(id, text), false)
        assert.equal(await context.outbox.ack(text, token), false)
        assert.equal(await context.outbox.extend(text, 1), null)
        assert.equal(await context.outbox.get(text), undefined)
        await context.outbox.list({ after: text })
        await context.settleOne(token, { id, kind: 'dead', error: text })
        assert.equal((await context.get(id)).lastError, text)
      }
    },
  },
  {
    id: 'payload-11', title: 'sixty-four headers of sixteen KiB together come back as they were',
    async run(context) {
      const value = `é"\\,=${'v'.repeat(230)}`
      const headers = Object.fromEntries(Array.from({ length: 64 }, (_, n) => [`x-header-${n}`, value]))
      const id = await context.put({ headers })
      assert.deepEqual({ ...(await context.get(id)).headers }, headers)
    },
  },
]

async function roundTrip(
  context: OutboxContext, payloads: readonly Uint8Array[], contentType?: string,
): Promise<void> {
  const results = await context.enqueue(...payloads.map((payload) => ({ payload, contentType })))
  const { messages } = await context.take({ limit: 100 })
  for (const [n, payload] of payloads.entries()) {
    const [claimed, read] = [messages[n], await context.get(results[n]?.id ?? '')]
    assert.ok(claimed !== undefined)
    for (const message of [claimed, read]) {
      assert.ok(message.payload instanceof Uint8Array)
      assert.ok(bytesOf(message).equals(payload), `payload ${n} is different`)
      assert.equal(message.contentType, contentType ?? 'application/octet-stream')
    }
  }
}

async function hostileDraft(context: OutboxContext, draft: DraftPart, id: string): Promise<void> {
  const { lane = '', target = '', key = '' } = draft
  const { token, message } = await context.takeOne({ lane, target })
  const { payload, headers, ...rest } = message
  assert.deepEqual(
    { id: rest.id, type: rest.type, key: rest.key, dedupeKey: rest.dedupeKey, lane: rest.lane,
      target: rest.target, contentType: rest.contentType },
    { id, type: draft.type, key, dedupeKey: draft.dedupeKey, lane, target, contentType: draft.contentType })
  assert.deepEqual(Buffer.from(payload), draft.payload)
  assert.deepEqual({ ...headers }, draft.headers)
  assert.equal(only(await context.outbox.list({ lane, target, key })).id, id)
  assert.equal(only(await context.outbox.stats({ lane, target })).claimed, 1)
  assert.equal(await context.outbox.ack(id, token), true)
  assert.equal(only(await context.enqueue(draft)).id, id)
}
