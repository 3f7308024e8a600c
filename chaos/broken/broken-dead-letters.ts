/** Handlers and quarantines as they are written by mistake. */
import type { HeapEntry } from 'waybill'
import type { BrokenCase } from './broken-case.js'
import type { Stand } from './stand.js'

const HEAP = 'chaos'
const THRESHOLD = 3

/** The relay's heap of failures, and what moves aside what has failed too often by it. */
async function deliverAndQuarantine(stand: Stand, over: (entries: readonly HeapEntry[]) => Promise<string[]>) {
  const heap = stand.waybill.heap(HEAP, { drainLeaseMs: 1 })
  for (let round = 0; round < 4; round += 1) {
    const relay = stand.relay({ heap })
    await relay.drain()
    await relay.stop()
    stand.clock.advance(60_000)
    const entries = await heap.drainExceeded(THRESHOLD)
    const ids = await over(entries)
    if (ids.length > 0) await stand.waybill.outbox.quarantine(ids.map((id) => ({ id, failures: THRESHOLD })))
  }
  await stand.deliverAll()
}

const LOSES_IN_A_CATCH: BrokenCase = {
  name: 'a handler that gives up what is too much for the destination, and says nothing', rule: 'unsent',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm1', text: 'x'.repeat(100) }, { message: 'm2' }])
    const { transport } = stand
    await stand.deliverAll(() => stand.relay(!isBroken ? {} : {
      transport: {
        name: 'loses',
        deliver: (envelope, context) => (
          envelope.payload.byteLength > 50 ? Promise.resolve() : transport.deliver(envelope, context)),
      },
    }))
  },
}

const QUARANTINES_ALL: BrokenCase = {
  name: 'a quarantine that moves whatever waits, while one message fails', rule: 'poison',
  async run(stand, isBroken) {
    stand.fails = (message, attempt) => message === 'm1' && attempt === 1
    await stand.produce('o1', [{ message: 'm0?', maxAttempts: 50 }, { message: 'm1' }, { message: 'm2' }])
    let isFirst = true
    await deliverAndQuarantine(stand, async (entries) => {
      if (!isFirst || entries.length === 0) return entries.map(({ id }) => id)
      isFirst = false
      await stand.produce('o2', [{ message: 'm3' }])
      if (!isBroken) return entries.map(({ id }) => id)
      return (await stand.messages()).map(({ id }) => id)
    })
  },
}

const NEVER_QUARANTINES: BrokenCase = {
  name: 'a quarantine that confirms what it has drained, and moves nothing', rule: 'stuck',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ message: 'm0?', maxAttempts: 50 }, { message: 'm1' }])
    await deliverAndQuarantine(stand, async (entries) => (isBroken ? [] : entries.map(({ id }) => id)))
  },
}

export const BROKEN_DEAD_LETTERS: readonly BrokenCase[] = [LOSES_IN_A_CATCH, QUARANTINES_ALL, NEVER_QUARANTINES]
