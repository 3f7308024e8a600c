/** `scope-*`: through a view, messages of other scopes can be neither seen nor changed, by any method. */
import assert from 'node:assert/strict'
import { scopedKey, scopeId } from '../../core/scope.js'
import type { Outbox } from '../../outbox/outbox.js'
import { ScopedOutboxStore } from '../../outbox/scoped-store.js'
import type { OutboxCase } from './case.js'
import {
  claimOf, draftOf, idsOf, LANE, LEASE_MS, only, outboxOf, TARGET, type DraftPart, type OutboxContext,
} from './context.js'

interface View {
  readonly store: ScopedOutboxStore<unknown>
  readonly outbox: Outbox<unknown>
}

export const scopeCases: readonly OutboxCase[] = [
  {
    id: 'scope-1', title: 'a view claims only its own messages, and shows its scope',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const [ofA, ofB] = [await put(a), await put(b)]
      const claim = await a.outbox.claim(claimOf({}))
      assert.deepEqual(idsOf(claim?.messages ?? []), [ofA])
      assert.equal(claim?.messages[0]?.scope, a.store.scope)
      assert.equal(await a.outbox.claim(claimOf({})), null)
      assert.deepEqual(idsOf((await b.outbox.claim(claimOf({})))?.messages ?? []), [ofB])
    },
  },
  {
    id: 'scope-2', title: 'one dedupe key in two scopes makes two messages; CONFLICT stays inside a scope',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const first = await put(a, { dedupeKey: 'k', payload: 1 })
      const second = await put(b, { dedupeKey: 'k', payload: 2 })
      assert.notEqual(first, second)
      assert.equal(await put(a, { dedupeKey: 'k', payload: 1 }), first)
      assert.equal(await put(b, { dedupeKey: 'k', payload: 2 }), second)
    },
  },
  {
    id: 'scope-3', title: 'a foreign claim cannot be settled in any way, with its right id and token',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const id = await put(b)
      const claim = await b.outbox.claim(claimOf({}))
      const token = claim?.token ?? ''
      const before = await b.outbox.get(id)
      assert.equal(await a.outbox.ack(id, token), false)
      assert.equal(await a.outbox.nack(id, token, 'x', { retryInMs: 0 }), 'lost_claim')
      assert.deepEqual(await a.outbox.settle(token, [{ id, kind: 'dead', error: 'x' }]), ['lost_claim'])
      assert.deepEqual(await a.outbox.release(token, [id]), ['lost_claim'])
      assert.equal(await a.outbox.extend(token, 10 * LEASE_MS), null)
      assert.deepEqual(await b.outbox.get(id), before)
      assert.equal(await b.outbox.ack(id, token), true)
    },
  },
  {
    id: 'scope-4', title: 'get, list and stats do not show foreign messages; a limit counts own ones',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const own: string[] = []
      for (let n = 0; n < 4; n += 1) {
        const foreign = await put(b, { key: 'k' })
        assert.equal(await a.outbox.get(foreign), undefined)
        own.push(await put(a, { key: 'k' }))
      }
      assert.deepEqual(idsOf(await a.outbox.list({ limit: 3 })), own.slice(0, 3))
      const filter = { after: own[2], status: 'pending', key: 'k', lane: LANE, target: TARGET } as const
      assert.deepEqual(idsOf(await a.outbox.list({ ...filter, limit: 3 })), own.slice(3))
      assert.equal(only(await a.outbox.stats()).ready, 4)
      assert.deepEqual(await view(context, 'c').outbox.stats(), [])
      assert.deepEqual(await view(context, 'c').outbox.list(), [])
    },
  },
  {
    id: 'scope-5', title: 'purge removes own messages and keys only; a limit counts own ones',
    settings: { retainDeliveredMs: 3_600_000 },
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      for (const { outbox } of [b, a]) {
        const results =
          await outboxPut(outbox, ['dead', 'delivered', 'late'].map((dedupeKey) => ({ dedupeKey })))
        const claim = await outbox.claim(claimOf({}))
        await outbox.settle(claim?.token ?? '', [
          { id: results[0] ?? '', kind: 'dead', error: 'x' }, { id: results[1] ?? '', kind: 'ack' },
          { id: results[2] ?? '', kind: 'ack' },
        ])
      }
      context.clock.advance(1_000)
      const all = { deliveredOlderThanMs: 0, deadOlderThanMs: 0, dedupeOlderThanMs: 0 }
      assert.deepEqual(await a.outbox.purge({ ...all, limit: 1, dedupeOlderThanMs: undefined }),
        { delivered: 1, deadLetters: 1, dedupeKeys: 0 })
      const rest = await a.outbox.purge(all)
      assert.equal(rest.delivered, 1)
      assert.equal(rest.dedupeKeys, 3)
      assert.deepEqual(await a.outbox.purge(all), { delivered: 0, deadLetters: 0, dedupeKeys: 0 })
      assert.equal((await b.outbox.list()).length, 3)
      for (const dedupeKey of ['dead', 'delivered']) {
        assert.equal((await b.outbox.enqueueAlone(draftOf({ dedupeKey }))).created, false)
        assert.equal((await a.outbox.enqueueAlone(draftOf({ dedupeKey }))).created, true)
      }
    },
  },
  {
    id: 'scope-6', title: 'own messages behind three thousand foreign ones are claimed at once',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      await outboxPut(b.outbox, Array.from({ length: 3_000 }, () => ({})))
      const own = [await put(a), await put(a)]
      assert.deepEqual(idsOf((await a.outbox.claim(claimOf({ limit: 1 })))?.messages ?? []), own.slice(0, 1))
      assert.deepEqual(idsOf((await a.outbox.claim(claimOf({ limit: 10 })))?.messages ?? []), own.slice(1))
    },
  },
  {
    id: 'scope-7', title: 'views nest; neither the outer nor its like-named neighbours see the inner',
    async run(context) {
      const outer = view(context, 'a')
      const inner = viewOf(new ScopedOutboxStore(outer.store, scopeId('b')))
      const others =
        [outer, view(context, 'b'), viewOf(new ScopedOutboxStore(view(context, 'b').store, scopeId('a')))]
      const id = await put(inner, { dedupeKey: 'k' })
      assert.equal((await inner.outbox.get(id))?.scope, scopedKey(outer.store.scope, 'b'))
      for (const other of others) {
        assert.equal(await other.outbox.get(id), undefined)
        assert.equal(await other.outbox.claim(claimOf({})), null)
        assert.notEqual(await put(other, { dedupeKey: 'k' }), id)
      }
      assert.deepEqual(idsOf((await inner.outbox.claim(claimOf({})))?.messages ?? []), [id])
    },
  },
  {
    id: 'scope-8', title: 'a suspect and an expired claim of one scope do not leak into another',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const foreign = [await put(b), await put(b)]
      await b.outbox.claim(claimOf({}))
      context.clock.advance(LEASE_MS)
      const own = [await put(a), await put(a)]
      const claim = await a.outbox.claim(claimOf({}))
      assert.equal(claim?.suspect, false)
      assert.deepEqual(idsOf(claim?.messages ?? []), own)
      for (const id of foreign) {
        const next = await b.outbox.claim(claimOf({}))
        assert.equal(next?.suspect, true)
        assert.deepEqual(idsOf(next?.messages ?? []), [id])
      }
    },
  },
  {
    id: 'scope-9', title: 'a mixed claim of all scopes is settled through a view for its own messages only',
    async run(context) {
      const [a, b] = [view(context, 'a'), view(context, 'b')]
      const [ofA, ofB] = [await put(a), await put(b)]
      const { token } = await context.take()
      assert.deepEqual(await a.outbox.settle(token, [{ id: ofB, kind: 'ack' }, { id: ofA, kind: 'ack' }]),
        ['lost_claim', 'delivered'])
      assert.equal((await context.get(ofB)).status, 'claimed')
      assert.equal(await context.outbox.ack(ofB, token), true)
    },
  },
  {
    id: 'scope-10', title: 'an unscoped claim sees all scopes; a claim of some scopes sees those, in order',
    async run(context) {
      const ids: Record<string, string> = {}
      for (const name of ['c', 'a', 'b', 'd']) ids[name] = await put(view(context, name))
      const some = await context.take({ scopes: ['a', 'b', 'nobody'] })
      assert.deepEqual(idsOf(some.messages), [ids['a'], ids['b']])
      assert.deepEqual(idsOf((await context.take()).messages), [ids['c'], ids['d']])
      assert.deepEqual(idsOf(await context.outbox.list({ scope: 'a' })), [ids['a']])
      assert.equal(only(await context.outbox.stats({})).claimed, 4)
      assert.equal(only(await context.outbox.stats({ scope: 'a' })).claimed, 1)
    },
  },
  {
    id: 'scope-11', title: 'scopes that look alike are different',
    async run(context) {
      const names = ['a', 'A', 'a ', ' a', 'á', 'a\u0301', '%', '_', "'", 'NULL', 'default', 'x'.repeat(400)]
      const ids = await Promise.all(names.map((name) => put(view(context, name), { dedupeKey: 'k' })))
      assert.equal(new Set(ids).size, names.length)
      for (const [n, name] of names.entries()) {
        assert.deepEqual(idsOf(await view(context, name).outbox.list()), [ids[n]], name)
      }
    },
  },
]

function view(context: OutboxContext, name: string): View {
  return viewOf(new ScopedOutboxStore(context.store, scopeId(name)))
}

function viewOf(store: ScopedOutboxStore<unknown>): View {
  return { store, outbox: outboxOf(store) }
}

async function put({ outbox }: View, draft: DraftPart = {}): Promise<string> {
  return (await outbox.enqueueAlone(draftOf(draft))).id
}

async function outboxPut(outbox: Outbox<unknown>, drafts: readonly DraftPart[]): Promise<string[]> {
  return idsOf(await outbox.store.transaction((tx) => outbox.enqueueMany(tx, drafts.map(draftOf))))
}
