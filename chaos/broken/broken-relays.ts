/** Relays and stores as they are written by mistake. */
import type { OutboxStore, SettleOutcome, Transport } from 'waybill'
import { forwarding } from '../outbox/recording-store.js'
import { TARGET } from '../outbox/plan.js'
import { NAME_HEADER } from '../plan.js'
import type { BrokenCase } from './broken-case.js'
import { LANE, LEASE_MS, type Stand } from './stand.js'

const claimBy = (consumer: string): Parameters<OutboxStore['claim']>[0] => (
  { lane: LANE, target: TARGET, limit: 100, leaseMs: LEASE_MS, consumer, scopes: undefined })

/** A store whose settles are changed on the way. */
function settlingAs(store: OutboxStore, change: (outcome: SettleOutcome) => SettleOutcome): OutboxStore {
  return {
    ...forwarding(store),
    settle: (request) => store.settle({ ...request, outcomes: request.outcomes.map(change) }),
  }
}

const failsFirst = (_message: string, attempt: number): boolean => attempt === 1

/** Written by hand, as whoever does without a relay would. */
async function deliverByHand(stand: Stand, acksFirst: boolean): Promise<void> {
  const store = stand.recording()
  const claim = await store.claim(claimBy('by hand'))
  for (const { id, headers, payload, attemptCount } of claim?.messages ?? []) {
    const settle = (outcome: SettleOutcome): Promise<unknown> =>
      store.settle({ token: claim?.token ?? '', outcomes: [outcome], scope: undefined })
    if (acksFirst) await settle({ id, kind: 'ack' })
    try {
      stand.receive(headers[NAME_HEADER] ?? '', payload, attemptCount)
      if (!acksFirst) await settle({ id, kind: 'ack' })
    } catch (error) {
      if (!acksFirst) await settle({ id, kind: 'retry', error: String(error), retryInMs: 0 })
    }
  }
}

const ACKS_BEFORE_SENDING: BrokenCase = {
  name: 'acks before it sends', rule: 'unsent',
  async run(stand, isBroken) {
    stand.fails = failsFirst
    await stand.produce('o1', [{ message: 'm1' }])
    await deliverByHand(stand, isBroken)
    await stand.deliverAll()
  },
}

const SWALLOWS_FAILURES: BrokenCase = {
  name: 'takes a failure for a success', rule: 'unsent',
  async run(stand, isBroken) {
    stand.fails = failsFirst
    await stand.produce('o1', [{ message: 'm1' }])
    const swallowing: Transport = {
      name: 'swallowing',
      deliver: (envelope, context) => stand.transport.deliver(envelope, context).catch(() => undefined),
    }
    await stand.deliverAll(() => stand.relay(isBroken ? { transport: swallowing } : {}))
  },
}

const SETTLES_WITHOUT_TOKEN: BrokenCase = {
  name: 'settles without its token', rule: 'stale-settle',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1' }])
    const tokenless: OutboxStore = {
      ...forwarding(stand.store.outbox),
      // Whoever holds the message now: it is settled all the same.
      settle: async ({ outcomes, scope }) => {
        const [message] = await stand.store.outbox.get(outcomes.map(({ id }) => id), scope)
        return stand.store.outbox.settle({ token: message?.claimToken ?? '', outcomes, scope })
      },
    }
    const paused = stand.recording(isBroken ? tokenless : stand.store.outbox)
    const claim = await paused.claim(claimBy('paused'))
    stand.clock.advance(LEASE_MS)
    const next = await stand.recording().claim(claimBy('next'))
    for (const { id, payload } of claim?.messages ?? []) {
      stand.receive('m1', payload, 1)
      await paused.settle({ token: claim?.token ?? '', outcomes: [{ id, kind: 'ack' }], scope: undefined })
    }
    const releases = next?.messages.map(({ id }) => ({ id, kind: 'ack' }) as const) ?? []
    await stand.recording().settle({ token: next?.token ?? '', outcomes: releases, scope: undefined })
  },
}

const NO_KEY_GUARD: BrokenCase = {
  name: 'lets a key overtake itself', rule: 'order', ordering: 'block', declaredWhenBroken: 'none',
  async run(stand) {
    stand.fails = (message, attempt) => message === 'm1' && attempt === 1
    await stand.produce('o1', [{ message: 'm1', key: 'k' }])
    await stand.produce('o2', [{ message: 'm2', key: 'k' }])
    await stand.deliverAll()
  },
}

const DELETES_AT_CLAIM: BrokenCase = {
  name: 'deletes what it claims, and dies', rule: 'lost',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1' }])
    await stand.recording().claim(claimBy('dies'))
    if (isBroken) await deleteAll(stand)
    await stand.deliverAll()
  },
}

async function deleteAll(stand: Stand): Promise<void> {
  await stand.store.transaction(async (handle) => {
    (handle as { exec(text: string): void }).exec('delete from waybill_outbox_message')
  })
}

const RETRIES_FOR_EVER: BrokenCase = {
  name: 'retries without a limit', rule: 'stuck',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1?', maxAttempts: 3 }])
    const endless = settlingAs(stand.store.outbox, (outcome) =>
      (outcome.kind === 'retry' ? { id: outcome.id, kind: 'release', retryInMs: 1 } : outcome))
    await stand.deliverAll(() => stand.relay(isBroken ? { outbox: endless } : {}))
  },
}

const GIVES_UP_AT_ONCE: BrokenCase = {
  name: 'gives up at the first failure', rule: 'poison',
  async run(stand, isBroken) {
    stand.fails = failsFirst
    await stand.produce('o1', [{ message: 'm1' }])
    const impatient = settlingAs(stand.store.outbox, (outcome) =>
      (outcome.kind === 'retry' ? { id: outcome.id, kind: 'dead', error: outcome.error } : outcome))
    await stand.deliverAll(() => stand.relay(isBroken ? { outbox: impatient } : {}))
  },
}

const DROPS_ON_DRAIN: BrokenCase = {
  name: 'drops what it holds when it is stopped', rule: 'unsent',
  async run(stand, isBroken) {
    await stand.produce('o1', ['m1', 'm2', 'm3'].map((message) => ({ message })))
    const dropping = settlingAs(stand.store.outbox, (outcome) =>
      (outcome.kind === 'release' ? { id: outcome.id, kind: 'ack' } : outcome))
    let stopped: Promise<unknown> = Promise.resolve()
    const stopping: Transport = {
      name: 'stopping',
      deliver: async (envelope, context) => {
        stopped = relay.stop()
        await stand.transport.deliver(envelope, context)
      },
    }
    const relay = stand.relay({ ...(isBroken ? { outbox: dropping } : {}), transport: stopping })
    // It is stopped from within, which is no way for a run to end.
    await relay.drain().catch(() => undefined)
    await stopped
    await stand.deliverAll()
  },
}

const LEASE_BY_LOCAL_CLOCK: BrokenCase = {
  name: 'decides leases by its own clock', rule: 'duplicate',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1' }])
    const first = stand.recording()
    const claim = await first.claim(claimBy('first'))
    const fast = stand.storeWith(() => stand.clock.now() + 2 * LEASE_MS)
    await stand.relay(isBroken ? { outbox: fast.outbox } : {}).drain()
    for (const { id, payload } of claim?.messages ?? []) {
      stand.receive('m1', payload, 1)
      await first.settle({ token: claim?.token ?? '', outcomes: [{ id, kind: 'ack' }], scope: undefined })
    }
    await stand.deliverAll()
    await fast.close()
  },
}

const RESERIALISES: BrokenCase = {
  name: 'parses the payload and writes it again', rule: 'bytes',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1', text: '{ "amount": 10.0 }' }])
    const again: Transport = {
      name: 'again',
      deliver: (envelope, context) => {
        const payload = Buffer.from(JSON.stringify(JSON.parse(Buffer.from(envelope.payload).toString())))
        return stand.transport.deliver({ ...envelope, payload }, context)
      },
    }
    await stand.deliverAll(() => stand.relay(isBroken ? { transport: again } : {}))
  },
}

const FORGETS_TO_SETTLE: BrokenCase = {
  name: 'says delivered and does not settle', rule: 'duplicate',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1' }])
    const forgetful: OutboxStore = {
      ...forwarding(stand.store.outbox),
      settle: ({ outcomes }) => Promise.resolve(outcomes.map(() => 'delivered' as const)),
    }
    await stand.relay(isBroken ? { outbox: forgetful } : {}).drain()
    await stand.deliverAll()
  },
}

export const BROKEN_RELAYS: readonly BrokenCase[] = [
  ACKS_BEFORE_SENDING, SWALLOWS_FAILURES, SETTLES_WITHOUT_TOKEN, NO_KEY_GUARD, DELETES_AT_CLAIM, RETRIES_FOR_EVER,
  GIVES_UP_AT_ONCE, DROPS_ON_DRAIN, LEASE_BY_LOCAL_CLOCK, RESERIALISES, FORGETS_TO_SETTLE,
]
