/** `race-*`: many at once. Nothing here depends on who wins. */
import assert from 'node:assert/strict'
import { pause } from '../../core/environment.js'
import { seededRandom } from '../random.js'
import type { OutboxCase } from './case.js'
import { draftOf, idsOf, only, type OutboxContext } from './context.js'

const WORKERS = 16
const MESSAGES_EACH = 40

export const raceCases: readonly OutboxCase[] = [
  {
    id: 'race-1',
    title: 'sixteen enqueuers and sixteen claimers: every message is claimed once, and the counts add up',
    settings: { realClock: true },
    async run(context) {
      const expected = WORKERS * MESSAGES_EACH
      const claimed: string[] = []
      const enqueuers = Array.from({ length: WORKERS }, async (_, n) => {
        for (let sent = 0; sent < MESSAGES_EACH; sent += 2) {
          await context.enqueue({ key: `k${n}` }, { dedupeKey: `${n}-${sent}` })
        }
      })
      const claimers =
        Array.from({ length: WORKERS }, (_, n) => work(context, `worker-${n}`, claimed, expected))
      await Promise.all([...enqueuers, ...claimers])
      assert.equal(new Set(claimed).size, expected)
      assert.equal(claimed.length, expected)
      const stats = only(await context.outbox.stats())
      assert.deepEqual([stats.delivered, stats.ready, stats.claimed, stats.deadLetter], [expected, 0, 0, 0])
    },
  },
  {
    id: 'race-2', title: 'retries, releases and acks at once lose no message and no attempt',
    settings: { realClock: true },
    async run(context) {
      const ids = await context.putMany(300)
      const random = seededRandom(context.options.seed)
      const failures = new Map<string, number>()
      const delivered: string[] = []
      await Promise.all(Array.from({ length: 8 }, async (_, n) => {
        for (let tries = 0; delivered.length < ids.length && tries < 20_000; tries += 1) {
          const claim = await context.claim({ limit: 9, consumer: `worker-${n}`, leaseMs: 600_000 })
          if (claim === null) await pause(1)
          for (const { id } of claim?.messages ?? []) {
            const kind = random.pick(['ack', 'retry', 'release'] as const)
            if (kind === 'retry') failures.set(id, (failures.get(id) ?? 0) + 1)
            if (kind === 'ack') delivered.push(id)
            const outcome = kind === 'retry' ? { id, kind, error: 'busy', retryInMs: 0 } : { id, kind }
            assert.notEqual(await context.settleOne(claim?.token ?? '', outcome), 'lost_claim')
            if ((failures.get(id) ?? 0) > 18) return assert.fail('unlucky seed: a message used its attempts')
          }
        }
      }))
      assert.deepEqual(delivered.toSorted(), ids)
      for (const { id, attemptCount } of await context.outbox.list({ limit: 1_000 })) {
        assert.equal(attemptCount, 1 + (failures.get(id) ?? 0))
      }
    },
  },
  {
    id: 'race-3', title: 'claims of many lanes, targets and scopes at once do not mix',
    settings: { realClock: true },
    async run(context) {
      const lanes = ['a', 'b', 'c', 'd']
      await Promise.all(lanes.map((lane) => context.putMany(50, { lane, type: lane })))
      await Promise.all(lanes.flatMap((lane) => [1, 2].map(async () => {
        for (const id of await context.drain({ lane, limit: 7 })) assert.equal((await context.get(id)).type,
          lane)
      })))
      assert.equal((await context.outbox.list({ status: 'delivered', limit: 1_000 })).length, 200)
    },
  },
  {
    id: 'race-4', title: 'many workers meet one expired claim: each suspect goes to one of them',
    async run(context) {
      const ids = await context.putMany(30)
      const old = await context.take()
      context.clock.set(old.leaseExpiresAt)
      const claims =
        await Promise.all(Array.from({ length: 40 }, (_, n) => context.claim({ consumer: `worker-${n}` })))
      const taken = claims.flatMap((claim) => claim?.messages ?? [])
      for (const claim of claims) assert.ok(claim === null || (claim.suspect && claim.messages.length === 1))
      const rest = await context.drain()
      assert.deepEqual([...idsOf(taken), ...rest].toSorted(), ids)
      assert.ok((await context.outbox.list()).every(({ attemptCount }) => attemptCount === 2))
    },
  },
  {
    id: 'race-5', title: 'one dedupe key enqueued and delivered again and again at once makes one message',
    settings: { realClock: true },
    async run(context) {
      const claimed: string[] = []
      await Promise.all([
        ...Array.from({ length: 4 }, async () => {
          for (let n = 0; n < 25; n += 1) await context.outbox.enqueueAlone(draftOf({ dedupeKey: 'once' }))
        }),
        work(context, 'worker-1', claimed, 1),
      ])
      await context.nothingDue()
      assert.equal(only(claimed), only(await context.outbox.list()).id)
    },
  },
]

/** Claims and acks until all workers together have seen `expected` messages. */
async function work(
  context: OutboxContext, consumer: string, claimed: string[], expected: number,
): Promise<void> {
  for (let idle = 0; claimed.length < expected;) {
    const claim = await context.claim({ consumer, limit: 5, leaseMs: 600_000 })
    if (claim === null) {
      idle += 1
      assert.ok(idle < 10_000, `only ${claimed.length} of ${expected} messages were claimed`)
      await pause(1)
      continue
    }
    claimed.push(...idsOf(claim.messages))
    await context.ackAll(claim)
  }
}
