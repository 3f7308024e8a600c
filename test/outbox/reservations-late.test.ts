/** What is still under way when its transaction ends: it writes nothing, whoever has the connection by then. */
import { expect, onTestFinished, test } from 'vitest'
import * as z from 'zod'
import { memoryReservations } from '../../src/memory.js'
import type { ReservationProvider } from '../../src/outbox/reservation.js'
import { createWaybill } from '../../src/waybill.js'
import { DRAFT, idsOf, waybillOf } from '../support/reservations.js'
import { onEveryStore, type OpenedStore } from '../support/whole-stores.js'

const rolledBack = new Error('rolled back on purpose')

function gate() {
  let letPass = (): void => undefined
  const promise = new Promise<void>((resolve) => {
    letPass = resolve
  })
  return { promise, letPass: () => letPass() }
}

/** Reserves once it is let. */
function gated(inner: ReservationProvider) {
  const { promise, letPass } = gate()
  const provider: ReservationProvider = {
    reserve: async (key, hold) => {
      await promise
      return inner.reserve(key, hold)
    },
    confirm: (key, message) => inner.confirm(key, message),
    release: (key, owner) => inner.release(key, owner),
  }
  return { provider, letPass }
}

onEveryStore((open) => {
  async function opened(): Promise<OpenedStore['store']> {
    const { store, close } = await open()
    onTestFinished(close)
    return store
  }

  test.each(['rolls back', 'commits'])('an enqueue that waits for the provider while its transaction %s writes nothing', async (how) => {
    const store = await opened()
    const { provider, letPass } = gated(memoryReservations())
    const waybill = waybillOf(store, { provider, timeoutMs: 60_000 })
    let late: Promise<unknown> = Promise.resolve()
    const ended = waybill.transaction(async (tx) => {
      late = waybill.outbox.enqueue(tx, DRAFT)
      late.catch(() => undefined)
      if (how === 'rolls back') await Promise.all([late, Promise.reject(rolledBack)])
    })
    if (how === 'rolls back') await expect(ended).rejects.toBe(rolledBack)
    else await ended
    await waybill.transaction(async () => {
      letPass()
      await expect(late).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
    })
    expect(await idsOf(store)).toEqual([])
  })

  test('what is still being enqueued when its transaction rolls back is not written later, without reservations', async () => {
    const store = await opened()
    const waybill = createWaybill({ store })
    let late: readonly Promise<unknown>[] = []
    await expect(waybill.transaction(async (tx) => {
      late = [1, 2, 3].map((n) => waybill.outbox.enqueue(tx, { ...DRAFT, dedupeKey: `order-${n}` }))
      void Promise.allSettled(late)
      throw rolledBack
    })).rejects.toBe(rolledBack)
    const ended = await waybill.transaction(() => Promise.allSettled(late))
    // What was written at once was undone with its transaction.
    for (const each of ended) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'NOT_IN_TRANSACTION' })
    expect(await idsOf(store)).toEqual([])
  })

  test('an event whose schema answers when another transaction is open is not written in that one', async () => {
    const store = await opened()
    const { promise, letPass } = gate()
    const schema = z.object({ id: z.string() }).refine(() => promise.then(() => true))
    const waybill = createWaybill({ store, events: { 'order.placed': { schema } } })
    let late: Promise<unknown> = Promise.resolve()
    await waybill.transaction(async (tx) => {
      late = waybill.outbox.enqueue(tx, 'order.placed', DRAFT.payload)
      late.catch(() => undefined)
    })
    await waybill.transaction(async () => {
      letPass()
      await expect(late).rejects.toMatchObject({ code: 'NOT_IN_TRANSACTION' })
    })
    expect(await idsOf(store)).toEqual([])
  })
})
