/** `edit-*`, `groups-*`, `redrive-all-*`: what operators do with many dead letters, and with the payload of one. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import { bytesOf, idsOf, LANE, only, rejectsWith, TARGET, type OutboxContext } from './context.js'
import { putDead } from './redrive.js'

const NOTE = { note: 'total was text, #1234', by: 'ada' }

export const editCases: readonly OutboxCase[] = [
  {
    id: 'edit-1', title: 'a dead letter is redriven with another payload; what it had is kept, with who, when and why',
    async run(context) {
      const id = await putDead(context, { payload: { n: 'one' } })
      const before = await context.get(id)
      context.clock.advance(7)
      const at = context.clock.now()
      assert.deepEqual(await context.outbox.edits(id), [])
      assert.deepEqual(await context.outbox.redrive(id, { payload: { n: 1 }, ...NOTE }), ['redriven'])
      const { message, token } = await context.takeOne()
      assert.equal(bytesOf(message).toString(), '{"n":1}')
      assert.deepEqual({ ...message, payload: before.payload }, {
        ...before, status: 'claimed', attemptCount: 1, availableAt: at, redrivenAt: at, updatedAt: at,
        claimedBy: message.claimedBy, claimToken: token, leaseExpiresAt: message.leaseExpiresAt,
      })
      await context.settleOne(token, { id, kind: 'dead', error: 'again' })
      context.clock.advance(7)
      const bytes = { payload: Buffer.from('<n/>'), contentType: 'text/xml' }
      assert.deepEqual(await context.outbox.redrive([id], { ...bytes, ...NOTE }), ['redriven'])
      const edits = (await context.outbox.edits(id)).map(({ payload, ...edit }) =>
        ({ ...edit, text: Buffer.from(payload).toString() }))
      assert.deepEqual(edits, [
        { editedAt: at, ...NOTE, contentType: 'application/json', text: '{"n":"one"}' },
        { editedAt: at + 7, ...NOTE, contentType: 'application/json', text: '{"n":1}' },
      ])
      assert.equal((await context.get(id)).contentType, 'text/xml')
      assert.deepEqual(await context.drain(), [id])
    },
  },
  {
    id: 'edit-2', title: 'its dedupe key stands for what was enqueued, not for what it holds now',
    async run(context) {
      const draft = { dedupeKey: 'order-7', payload: { n: 'one' } }
      const id = await putDead(context, draft)
      await context.outbox.redrive(id, { payload: { n: 1 }, ...NOTE })
      const again = only(await context.enqueue(draft))
      assert.deepEqual([again.id, again.created], [id, false])
      await rejectsWith('CONFLICT', () => context.enqueue({ ...draft, payload: { n: 1 } }))
    },
  },
  {
    id: 'edit-3', title: 'what is no dead letter, or of another scope, is not changed and has no edit',
    async run(context) {
      const { delivered, claimed, pending, dead_letter: dead } = await context.putEachStatus()
      const before = await context.outbox.list()
      for (const id of [delivered, claimed, pending, 'no-such-message']) {
        assert.deepEqual(await context.outbox.redrive(id, { payload: 2, ...NOTE }), ['not_dead'])
        assert.deepEqual(await context.outbox.edits(id), [])
      }
      assert.deepEqual(await context.outbox.list(), before)
      assert.deepEqual(await context.outbox.redrive(dead, { payload: 2, ...NOTE }), ['redriven'])
      assert.deepEqual(await context.outbox.redrive(dead, { payload: 3, ...NOTE }), ['not_dead'])
      assert.equal((await context.outbox.edits(dead)).length, 1)
      assert.equal(bytesOf(await context.get(dead)).toString(), '2')
    },
  },
  {
    id: 'edit-4', title: 'the edits go with their message: discarded, purged, and delivered where nothing is retained',
    async run(context) {
      for (const retainDeliveredMs of [0, 60_000]) {
        const own = await context.fork({ retainDeliveredMs })
        const acked = await editedOnce(own)
        assert.deepEqual(await own.drain(), [acked])
        await own.outbox.purge({ deliveredOlderThanMs: 0 })
        const again = await editedOnce(own)
        const { token } = await own.takeOne()
        await own.settleOne(token, { id: again, kind: 'dead', error: 'x' })
        await own.outbox.discard([again])
        for (const id of [acked, again]) {
          assert.equal(await own.outbox.get(id), undefined)
          assert.deepEqual(await own.outbox.edits(id), [])
        }
        await own.close()
      }
    },
  },
  {
    id: 'edit-5', title: 'an edit needs one id, a note, and bytes of the allowed size',
    async run(context) {
      const id = await putDead(context, {})
      const refused = async (field: string, call: () => Promise<unknown>): Promise<void> =>
        assert.equal((await rejectsWith('VALIDATION', call)).details['field'], field)
      const { outbox } = context
      await refused('payload', () => outbox.redrive([id, id], { payload: 1, ...NOTE }))
      await refused('payload', () => outbox.redrive([], { payload: 1, ...NOTE }))
      await refused('payload', () => outbox.redrive(id, NOTE))
      await refused('note', () => outbox.redrive(id, { payload: 1 }))
      await refused('by', () => outbox.redrive(id, { payload: 1, note: 'x', by: ' ' }))
      await refused('contentType', () => outbox.redrive(id, { payload: 1, note: 'x', contentType: 'text/xml' }))
      await rejectsWith('PAYLOAD_TOO_LARGE', () =>
        outbox.redrive(id, { payload: 'x'.repeat(300_000), ...NOTE }))
      assert.equal((await context.get(id)).status, 'dead_letter')
      assert.deepEqual(await outbox.edits(id), [])
    },
  },
  {
    id: 'groups-1', title: 'dead letters are counted by error, with placeholders for what differs, and bounded',
    async run(context) {
      const errors = ['no answer in 300 ms', 'no answer in 20 ms', "no such user 'ada'", 'no such user "bob"',
        'row 0190f3b2-77aa-7c3e-9d55-1c2d3e4f5a6b is gone', 'no answer in 7 ms']
      const ids: string[] = []
      for (const error of errors) {
        ids.push(await context.putAndSettle({}, (id) => ({ id, kind: 'dead', error })))
        context.clock.advance(10)
      }
      const at = context.clock.now() - 60
      const all = await context.outbox.deadLetterGroups({ lane: LANE })
      assert.deepEqual(all, {
        groups: [
          { error: 'no answer in <n> ms', count: 3, first: at, last: at + 50, example: ids[5] },
          { error: 'no such user <text>', count: 2, first: at + 20, last: at + 30, example: ids[3] },
          { error: 'row <id> is gone', count: 1, first: at + 40, last: at + 40, example: ids[4] },
        ],
        omitted: 0, scanned: 6, isPartial: false,
      })
      const few = await context.outbox.deadLetterGroups({ limit: 1, scan: 5 })
      assert.deepEqual([few.groups.map(({ count }) => count), few.omitted, few.scanned, few.isPartial],
        [[2], 2, 5, true])
      assert.equal((await context.outbox.deadLetterGroups({ scan: 6 })).isPartial, false)
      assert.deepEqual(await context.outbox.deadLetterGroups({ target: 'billing' }),
        { groups: [], omitted: 0, scanned: 0, isPartial: false })
      await rejectsWith('VALIDATION', () => context.outbox.deadLetterGroups({ scan: 0 }))
    },
  },
  {
    id: 'redrive-all-1', title: 'all of a filter, in the order of their enqueueing; nothing else',
    async run(context) {
      await context.store.migrate({ [LANE]: 'skip' })
      const ids = await deadOnes(context, 7, { key: 'k' })
      const other = await putDead(context, { target: 'billing' })
      const seen: number[] = []
      const result = await context.outbox.redriveAll({
        lane: LANE, target: TARGET, ratePerSecond: 100_000, onProgress: ({ done }) => seen.push(done),
      })
      assert.deepEqual([result, seen], [{ done: 7, notDead: 0, isInterrupted: false }, [7]])
      assert.deepEqual(await context.drain({ limit: 1 }), ids)
      assert.equal((await context.get(other)).status, 'dead_letter')
      await rejectsWith('VALIDATION', () => context.outbox.redriveAll({ lane: LANE, ratePerSecond: 0 }))
    },
  },
  {
    id: 'redrive-all-2', title: 'at a rate, one after another in their order, until the signal ends it',
    async run(context) {
      const ids = await deadOnes(context, 4, {})
      const stop = new AbortController()
      const left: string[][] = []
      const result = await context.outbox.redriveAll({
        lane: LANE, ratePerSecond: 10, signal: stop.signal,
        onProgress: ({ done }) => { if (done === 2) stop.abort() },
      })
      left.push(idsOf(await context.outbox.list({ status: 'dead_letter' })))
      assert.deepEqual([result, left], [{ done: 2, notDead: 0, isInterrupted: true }, [ids.slice(2)]])
      assert.deepEqual(await context.outbox.redriveAll({ lane: LANE, signal: AbortSignal.abort() }),
        { done: 0, notDead: 0, isInterrupted: true })
      assert.deepEqual((await context.outbox.redriveAll({ lane: LANE })).done, 2)
    },
  },
]

async function editedOnce(context: OutboxContext): Promise<string> {
  const id = await putDead(context, {})
  assert.deepEqual(await context.outbox.redrive(id, { payload: 2, ...NOTE }), ['redriven'])
  assert.equal((await context.outbox.edits(id)).length, 1)
  return id
}

async function deadOnes(context: OutboxContext, count: number, draft: { key?: string }): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) ids.push(await putDead(context, draft))
  return ids
}
