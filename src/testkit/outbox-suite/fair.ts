/** `fair-*`: no scope's backlog delays another's. */
import assert from 'node:assert/strict'
import type { OutboxCase } from './case.js'
import type { OutboxContext } from './context.js'

const BACKLOG = 3_000
const SMALL = ['tenant-1', 'tenant-2', 'tenant-3']

export const fairCases: readonly OutboxCase[] = [
  {
    id: 'fair-1', title: 'behind the backlog of one scope, the few messages of others are claimed first',
    async run(context) {
      await context.putMany(BACKLOG, { scope: 'giant' })
      for (const scope of SMALL) await context.putMany(2, { scope })
      assert.deepEqual(await scopesOf(context, 10), {
        'giant': 4, 'tenant-1': 2, 'tenant-2': 2, 'tenant-3': 2,
      })
      // And those that come later do not queue behind what is left of the backlog.
      await context.putMany(1, { scope: 'tenant-2' })
      assert.deepEqual(await scopesOf(context, 10), { 'giant': 9, 'tenant-2': 1 })
    },
  },
  {
    id: 'fair-2', title: 'everything is claimed once, each scope in its order, whatever the limits',
    async run(context) {
      const expected = new Map<string, string[]>()
      for (const [scope, count] of [['giant', 700], ['tenant-1', 40], ['giant', 300], ['tenant-2', 1]] as const) {
        expected.set(scope, [...expected.get(scope) ?? [], ...await context.putMany(count, { scope })])
      }
      const seen = new Map<string, string[]>()
      for (let limit = 1; ; limit = (limit * 3) % 101) {
        const claim = await context.claim({ limit })
        if (claim === null) break
        for (const { id, scope } of claim.messages) seen.set(scope, [...seen.get(scope) ?? [], id])
        await context.ackAll(claim)
      }
      assert.deepEqual(Object.fromEntries(seen), Object.fromEntries(expected))
    },
  },
  {
    id: 'fair-3', title: 'a claim of some scopes takes from those in turn',
    async run(context) {
      await context.putMany(BACKLOG, { scope: 'stranger' })
      await context.putMany(100, { scope: 'giant' })
      await context.putMany(5, { scope: 'tenant-1' })
      assert.deepEqual(await scopesOf(context, 10, ['giant', 'tenant-1', 'nobody']), { 'giant': 5, 'tenant-1': 5 })
    },
  },
  {
    id: 'fair-4', title: 'retries of one scope that are long due do not delay another',
    async run(context) {
      await context.putMany(60, { scope: 'giant' })
      const claim = await context.take()
      await context.outbox.settle(claim.token,
        claim.messages.map(({ id }) => ({ id, kind: 'retry', error: 'down', retryInMs: 0 })))
      await context.putMany(2, { scope: 'tenant-1', delayMs: 5 })
      context.clock.advance(10)
      assert.deepEqual(await scopesOf(context, 6), { 'giant': 4, 'tenant-1': 2 })
    },
  },
]

/** How many of each scope the next claim takes; acked. */
async function scopesOf(
  context: OutboxContext, limit: number, scopes?: readonly string[],
): Promise<Record<string, number>> {
  const claim = await context.take({ limit, scopes })
  await context.ackAll(claim)
  const counts: Record<string, number> = {}
  for (const { scope } of claim.messages) counts[scope] = (counts[scope] ?? 0) + 1
  return counts
}
