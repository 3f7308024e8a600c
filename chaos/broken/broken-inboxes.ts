/** Consumers as they are written by mistake: the record and the effect in two transactions. */
import { ChangedMind } from '../processes/producing.js'
import type { InboxRule } from '../inbox/judge.js'
import type { InboxStand } from './inbox-stand.js'

export interface BrokenInboxCase {
  readonly name: string
  readonly rule: InboxRule
  /** The same steps, once with what is wrong and once without; the second run must be valid. */
  run(stand: InboxStand, isBroken: boolean): Promise<void>
}

const RECORDS_BEFORE: BrokenInboxCase = {
  name: 'records in a transaction of its own, and dies before the effect', rule: 'lost',
  async run(stand, isBroken) {
    if (isBroken) await stand.waybill.transaction((tx) => stand.record(tx))
    await stand.waybill.transaction(async (tx) => {
      if (isBroken) await stand.effect(tx)
      else await stand.record(tx, () => stand.effect(tx))
      throw new ChangedMind()
    }).catch(() => stand.told('aborted'))
    stand.told(await stand.deliver())
  },
}

const RECORDS_AFTERWARDS: BrokenInboxCase = {
  name: 'records after the commit of the effect, and dies between them', rule: 'duplicate',
  async run(stand, isBroken) {
    if (isBroken) await stand.waybill.transaction((tx) => stand.effect(tx))
    else await stand.deliver()
    stand.told('unknown')
    stand.told(await stand.deliver())
  },
}

const LOOKS_BEFORE: BrokenInboxCase = {
  name: 'looks whether it was done, and does it in a transaction that records nothing', rule: 'record',
  async run(stand, isBroken) {
    if (!isBroken) return stand.told(await stand.deliver())
    await stand.waybill.transaction((tx) => stand.effect(tx))
    stand.told('done')
  },
}

export const BROKEN_INBOXES: readonly BrokenInboxCase[] = [RECORDS_BEFORE, RECORDS_AFTERWARDS, LOOKS_BEFORE]
