/** Delivers to the receivers, and reaches the kill points around it. */
import type { Transport } from 'waybill'
import { NAME_HEADER } from '../plan.js'
import type { KillPoints } from '../processes/kill-points.js'
import { postTo } from '../receiver/post.js'
import type { KillPoint } from './plan.js'
import type { ClaimRecord } from './recording-store.js'

export interface ReceiverTransportPorts {
  readonly receivers: readonly number[]
  readonly points: KillPoints<KillPoint>
  readonly record: ClaimRecord
  /** Begins to stop the relay, and dies while it does. */
  readonly drain: () => void
}

export function receiverTransport({ receivers, points, record, drain }: ReceiverTransportPorts): Transport {
  return {
    name: 'receiver',
    async deliver({ id, headers, payload, contentType, attempt, claimToken }, { signal }) {
      const claim = record.get(claimToken)
      points.reach('before-send')
      if (points.isArmed('during-drain')) drain()
      const name = headers[NAME_HEADER] ?? id
      await postTo(receivers, { place: id, name, attempt, payload, contentType, signal })
      points.reach('after-send')
      if (claim !== undefined) claim.sent += 1
      if (claim !== undefined && claim.sent < claim.size) points.reach('mid-batch')
    },
  }
}
