/** `validate-*`: the public surface refuses every bad input before the store sees it, and names the field. */
import assert from 'node:assert/strict'
import { WaybillError } from '../../core/errors.js'
import type { OutboxMessageDraft } from '../../outbox/message.js'
import type { OutboxCase } from './case.js'
import { claimOf, draftOf, outboxOf, rejectsWith, type OutboxContext } from './context.js'

/** For names: blank, not text, with NUL, not Unicode. */
const BAD_SHORT_NAMES: readonly unknown[] = ['', ' ', '\t\n', 'a\u0000b', '\ud800', 7, null, {}, ['a']]
const BAD_NAMES: readonly unknown[] = [...BAD_SHORT_NAMES, 'x'.repeat(256), 'é'.repeat(128)]
const BAD_NUMBERS: readonly unknown[] = [-1, 0.5, NaN, Infinity, -Infinity, 2 ** 53, '1', 1n]
const BAD_TIMES: readonly unknown[] = [...BAD_NUMBERS, null]

export const validateCases: readonly OutboxCase[] = [
  {
    id: 'validate-1', title: 'names of a draft',
    run: (context) => refusesAll(context, ['lane', 'target', 'type', 'contentType'].flatMap((field) =>
      BAD_NAMES.filter((value) => !(value === null && (field === 'lane' || field === 'target')))
        .map((value) => [field, { [field]: value, payload: new Uint8Array() }]))),
  },
  {
    id: 'validate-2', title: 'keys of a draft',
    run: (context) => refusesAll(context, ['key', 'dedupeKey'].flatMap((field) =>
      [...BAD_SHORT_NAMES, 'x'.repeat(1_025), 'é'.repeat(513)]
        .map((value) => [field, { [field]: value }]))),
  },
  {
    id: 'validate-3', title: 'times, delays and attempts of a draft',
    run: (context) => refusesAll(context, [
      ...BAD_TIMES.flatMap((value): Refusal[] => [
        ['availableAt', { availableAt: value }], ['delayMs', { delayMs: value }],
      ]),
      ...[...BAD_NUMBERS, 0, 1_000_001].map((value): Refusal => ['maxAttempts', { maxAttempts: value }]),
      ['delayMs', { availableAt: 1, delayMs: 1 }], ['delayMs', { delayMs: 3_155_760_000_001 }],
    ]),
  },
  {
    id: 'validate-4', title: 'scopes of a draft',
    run: (context) => refusesAll(context,
      ['', ' ', 'a\nb', 'a\u0085b', '\ud800', 'x'.repeat(513), 7].map((scope) => ['scope', { scope }])),
  },
  {
    id: 'validate-5', title: 'headers',
    run: (context) => refusesAll(context, [
      ...['', ' ', 'a b', 'a:b', 'é', 'x'.repeat(129), 'a\n']
        .map((name): Refusal => ['headers', { headers: { [name]: 'v' } }]),
      ...['a\nb', 'a\rb', 'a\u0000b', '\udfff', 7, null]
        .map((value): Refusal => ['headers.x', { headers: { x: value } }]),
      ['headers', { headers: Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`h${n}`, ''])) }],
      ['headers', { headers: { x: 'v'.repeat(16_384) } }],
    ]),
  },
  {
    id: 'validate-6', title: 'payloads that have no JSON form',
    async run(context) {
      const ring: { self?: unknown } = {}
      ring.self = ring
      await refusesAll(context,
        [undefined, () => 1, Symbol('x'), ring, 1n].map((payload) => ['payload', { payload }]))
    },
  },
  {
    id: 'validate-7', title: 'more than ten thousand drafts; a maximal payload size that is no size',
    async run(context) {
      const transaction = await context.begin()
      const many = Array.from({ length: 10_001 }, () => draftOf({}))
      await rejectsWith('VALIDATION', () => context.outbox.enqueueMany(transaction.tx, many))
      await transaction.commit()
      assert.deepEqual(await context.outbox.list(), [])
      for (const maxPayloadBytes of [-1, 0.5, 2 ** 26 + 1]) {
        await rejectsWith('VALIDATION', async () => outboxOf(context.store, { maxPayloadBytes }))
      }
    },
  },
  {
    id: 'validate-8', title: 'claim',
    async run(context) {
      await context.put()
      const bad = [
        ...['lane', 'target', 'consumer'].flatMap((field) => BAD_NAMES.map((value) => ({ [field]: value }))),
        ...[...BAD_NUMBERS, 0, 1_001].map((limit) => ({ limit })),
        ...[...BAD_NUMBERS, 0, 86_400_001].map((leaseMs) => ({ leaseMs })),
        ...['', ' ', 'a\nb', 'x'.repeat(513)].map((scope) => ({ scopes: [scope] })),
      ]
      for (const part of bad) {
        await rejectsWith('VALIDATION', () => context.outbox.claim({ ...claimOf({}), ...part as object }))
      }
      assert.equal((await context.outbox.list())[0]?.status, 'pending')
    },
  },
  {
    id: 'validate-9', title: 'settle, ack, nack, release, extend',
    async run(context) {
      const id = await context.put()
      const { token } = await context.takeOne()
      const { outbox } = context
      for (const name of ['', ' ', 'a\u0000b', '\ud800']) {
        await rejectsWith('VALIDATION', () => outbox.ack(name, token))
        await rejectsWith('VALIDATION', () => outbox.ack(id, name))
        await rejectsWith('VALIDATION', () => outbox.extend(name, 1))
        await rejectsWith('VALIDATION', () => outbox.release(token, [id, name]))
      }
      for (const value of BAD_TIMES as readonly number[]) {
        await rejectsWith('VALIDATION', () => outbox.nack(id, token, 'x', { retryInMs: value }))
        await rejectsWith('VALIDATION', () => outbox.nack(id, token, 'x', { retryAt: value }))
        await rejectsWith('VALIDATION', () => outbox.extend(token, value))
        if (value === null) continue
        await rejectsWith('VALIDATION',
          () => outbox.settle(token, [{ id, kind: 'release', retryInMs: value }]))
      }
      await rejectsWith('VALIDATION', () => outbox.extend(token, 0))
      await rejectsWith('VALIDATION', () => outbox.extend(token, 86_400_001))
      const many = Array.from({ length: 1_001 }, () => ({ id, kind: 'ack' as const }))
      await rejectsWith('VALIDATION', () => outbox.settle(token, many))
      assert.deepEqual(await outbox.settle(token, []), [])
      assert.equal((await context.get(id)).status, 'claimed')
    },
  },
  {
    id: 'validate-10', title: 'get, list, stats and purge',
    async run(context) {
      const { outbox } = context
      for (const id of ['', ' ', 'a\u0000b']) await rejectsWith('VALIDATION', () => outbox.get(id))
      for (const limit of [-1, 0.5, 1_001, NaN]) await rejectsWith('VALIDATION', () => outbox.list({ limit }))
      await rejectsWith('VALIDATION', () => outbox.list({ status: 'lost' as 'pending' }))
      for (const scope of ['', 'a\nb']) {
        await rejectsWith('VALIDATION', () => outbox.list({ scope }))
        await rejectsWith('VALIDATION', () => outbox.stats({ scope }))
        await rejectsWith('VALIDATION', () => outbox.purge({ scope }))
      }
      for (const value of [-1, 0.5, NaN, Infinity]) {
        await rejectsWith('VALIDATION', () => outbox.purge({ deliveredOlderThanMs: value }))
        await rejectsWith('VALIDATION', () => outbox.purge({ deadOlderThanMs: value }))
        await rejectsWith('VALIDATION', () => outbox.purge({ dedupeOlderThanMs: value }))
      }
      for (const limit of [0, 0.5, 100_001]) await rejectsWith('VALIDATION', () => outbox.purge({ limit }))
    },
  },
  {
    id: 'validate-11', title: 'no transaction, or one that has ended, is NOT_IN_TRANSACTION',
    async run(context) {
      for (const none of [undefined, null]) {
        await rejectsWith('NOT_IN_TRANSACTION', () => context.outbox.enqueue(none, draftOf({})))
      }
      let kept: unknown
      await context.store.transaction(async (tx) => {
        kept = tx
        await context.outbox.enqueue(tx, draftOf({}))
      })
      await assert.rejects(() => context.outbox.enqueue(kept, draftOf({})))
      assert.equal((await context.outbox.list()).length, 1)
    },
  },
  {
    id: 'validate-12', title: 'the largest allowed values are accepted',
    async run(context) {
      const name = 'x'.repeat(255)
      const id = await context.put({
        lane: name, target: 'é'.repeat(127), type: name, key: 'k'.repeat(1_024), dedupeKey: 'é'.repeat(512),
        maxAttempts: 1_000_000,
        delayMs: 0, headers: { ['h'.repeat(128)]: 'v'.repeat(16_000) }, scope: 's'.repeat(512),
      })
      const { message } = await context.takeOne({ lane: name, target: 'é'.repeat(127), limit: 1_000,
        leaseMs: 86_400_000, consumer: name })
      assert.equal(message.id, id)
      assert.equal(message.maxAttempts, 1_000_000)
    },
  },
]

type Refusal = readonly [field: string, draft: Readonly<Record<string, unknown>>]

/** Each alone, and at the end of a batch whose first message must then not be written either. */
async function refusesAll(context: OutboxContext, refusals: readonly Refusal[]): Promise<void> {
  const transaction = await context.begin()
  for (const [field, part] of refusals) {
    const draft: OutboxMessageDraft = { ...draftOf({}), ...part }
    const error =
      await rejectsWith('VALIDATION', () => context.outbox.enqueueMany(transaction.tx, [draftOf({}), draft]))
    assert.ok(error instanceof WaybillError)
    assert.equal(error.details['field'], field)
    assert.equal(error.retryable, false)
  }
  await transaction.commit()
  assert.deepEqual(await context.outbox.list(), [])
}
