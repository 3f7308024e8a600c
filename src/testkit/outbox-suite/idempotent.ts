/** `idempotent-*`: where the dedupe keys of an outbox come from. */
import assert from 'node:assert/strict'
import type { IdempotencyStrategy } from '../../outbox/idempotency.js'
import type { EnqueueResult, OutboxMessageDraft } from '../../outbox/message.js'
import type { OutboxCase } from './case.js'
import { draftOf, only, outboxOf, rejectsWith, type DraftPart, type OutboxContext } from './context.js'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

export const idempotentCases: readonly OutboxCase[] = [
  {
    id: 'idempotent-1', title: 'provided, which is the default: the key of the draft, and none without one',
    async run(context) {
      for (const strategy of [undefined, 'provided'] as const) {
        const dedupeKey = `${strategy}: ü  order`
        const [given, repeated, without] = await enqueue(context, strategy, { dedupeKey }, { dedupeKey }, {})
        assert.deepEqual([given?.created, repeated?.created, without?.created], [true, false, true])
        assert.equal(await keyOf(context, given), dedupeKey)
        assert.equal(await keyOf(context, without), undefined)
      }
    },
  },
  {
    id: 'idempotent-2', title: 'none: no message has a key, and no two drafts are one',
    async run(context) {
      const answers = await enqueue(context, 'none', { dedupeKey: 'a' }, { dedupeKey: 'a', payload: 2 }, {})
      assert.deepEqual(answers.map(({ created }) => created), [true, true, true])
      for (const answer of answers) assert.equal(await keyOf(context, answer), undefined)
    },
  },
  {
    id: 'idempotent-3', title: 'uuid: a new one of version 7 for each draft, whatever key it brings',
    async run(context) {
      const answers = await enqueue(context, 'uuid', { dedupeKey: 'a' }, { dedupeKey: 'a' }, {}, {})
      const keys = await Promise.all(answers.map((answer) => keyOf(context, answer)))
      for (const key of keys) assert.match(key ?? '', UUID_V7)
      assert.equal(new Set(keys).size, 4)
      assert.deepEqual(answers.map(({ created }) => created), [true, true, true, true])
    },
  },
  {
    id: 'idempotent-4', title: 'derived: by the function, so one fact is one message, and another content a CONFLICT',
    async run(context) {
      const derived = ({ payload }: { payload: unknown }): string => `order-${(payload as { order: string }).order}`
      const strategy = { derived }
      const first = only(await enqueue(context, strategy, { payload: { order: '7', cents: 5 }, dedupeKey: 'not this' }))
      assert.equal(await keyOf(context, first), 'order-7')
      const [again, next] = await enqueue(
        context, strategy, { payload: { cents: 5, order: '7' } }, { payload: { order: '8' } })
      assert.deepEqual([again?.id, again?.created, next?.created], [first.id, false, true])
      await rejectsWith('CONFLICT', () => enqueue(context, strategy, { payload: { order: '7', cents: 6 } }))
    },
  },
  {
    id: 'idempotent-5', title: 'derived: asked once for each draft, in order, with all of it but a key',
    async run(context) {
      const seen: object[] = []
      const draft = draftOf({ key: 'o-7', headers: { a: 'b' }, dedupeKey: 'not this', delayMs: 0 })
      const derived = (given: object): string => `n-${seen.push(given)}`
      await enqueue(context, { derived }, draft, { ...draft, key: 'o-8' })
      const { dedupeKey: _, ...plain } = draft
      assert.deepEqual(seen, [plain, { ...plain, key: 'o-8' }])
    },
  },
  {
    id: 'idempotent-6', title: 'derived: what throws or answers no key is VALIDATION, and nothing of it is written',
    async run(context) {
      const wrong: readonly (() => unknown)[] = [
        () => { throw new Error('no order') }, () => undefined, () => null, () => 7, () => '', () => ' \t',
        () => 'a\u0000', () => '\uD800', () => 'x'.repeat(1_025), () => Promise.resolve('order-7'),
      ]
      for (const answer of wrong) {
        const derived = ({ payload }: { payload: unknown }): string => (payload === 'bad' ? answer() as string : 'good')
        const error = await rejectsWith(
          'VALIDATION', () => enqueue(context, { derived }, { payload: 'good' }, { payload: 'bad' }))
        assert.equal(error.details['field'], 'dedupeKey')
        await rejectsWith('VALIDATION', () => outboxOf(context.store, { idempotency: { derived } })
          .enqueueAlone(draftOf({ payload: 'bad' })))
      }
      assert.deepEqual(await context.outbox.list(), [])
      const failing = { derived: (): string => { throw new RangeError('no order') } }
      const { cause } = await rejectsWith('VALIDATION', () => enqueue(context, failing, {}))
      assert.ok(cause instanceof RangeError)
    },
  },
  {
    id: 'idempotent-7', title: 'a strategy that is none is refused when the outbox is made',
    async run(context) {
      for (const idempotency of ['provide', '', null, {}, { derived: 'key' }, () => 'key'] as never[]) {
        const error = await rejectsWith('VALIDATION', async () => outboxOf(context.store, { idempotency }))
        assert.equal(error.details['field'], 'idempotency')
      }
    },
  },
]

/** Enqueues by an outbox of this strategy, and commits. */
function enqueue(
  { store }: OutboxContext, idempotency: IdempotencyStrategy | undefined, ...drafts: readonly DraftPart[]
): Promise<readonly EnqueueResult[]> {
  const all: readonly OutboxMessageDraft[] = drafts.map(draftOf)
  return store.transaction((tx) => outboxOf(store, { idempotency }).enqueueMany(tx, all))
}

async function keyOf(context: OutboxContext, answer: EnqueueResult | undefined): Promise<string | undefined> {
  return (await context.get(answer?.id ?? '')).dedupeKey
}
