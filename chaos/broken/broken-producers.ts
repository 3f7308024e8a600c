/** Producers as they are written by mistake: two writes that were meant to be one. */
import type { BrokenCase } from './broken-case.js'

/** As any bug or refusal would be. */
class ChangedMind extends Error {}

const ENQUEUES_OUTSIDE: BrokenCase = {
  name: 'enqueues outside the transaction, which is rolled back', rule: 'phantom',
  async run(stand, isBroken) {
    stand.begin('o1')
    const drafts = stand.drafts('o1', [{ message: 'm1' }])
    if (isBroken) await stand.waybill.transaction((handle) => stand.waybill.outbox.enqueueMany(handle, drafts))
    await stand.waybill.transaction(async (handle) => {
      if (!isBroken) await stand.waybill.outbox.enqueueMany(handle, drafts)
      throw new ChangedMind()
    }).catch(() => stand.end('aborted', 'o1'))
    await stand.deliverAll()
  },
}

const ENQUEUES_AFTERWARDS: BrokenCase = {
  name: 'enqueues after the commit, and dies between them', rule: 'lost',
  async run(stand, isBroken) {
    stand.begin('o1')
    const drafts = stand.drafts('o1', [{ message: 'm1' }])
    await stand.waybill.transaction(async (handle) => {
      if (!isBroken) await stand.waybill.outbox.enqueueMany(handle, drafts)
    })
    stand.end('committed', 'o1')
    await stand.deliverAll()
  },
}

const ENQUEUES_IN_PARTS: BrokenCase = {
  name: 'commits the messages of a transaction one by one, and dies between them', rule: 'torn',
  async run(stand, isBroken) {
    stand.begin('o1')
    const drafts = stand.drafts('o1', [{ message: 'm1' }, { message: 'm2' }])
    await stand.waybill.transaction((handle) =>
      stand.waybill.outbox.enqueueMany(handle, isBroken ? drafts.slice(0, 1) : drafts))
    stand.end('unknown', 'o1')
    await stand.deliverAll()
  },
}

export const BROKEN_PRODUCERS: readonly BrokenCase[] = [ENQUEUES_OUTSIDE, ENQUEUES_AFTERWARDS, ENQUEUES_IN_PARTS]
