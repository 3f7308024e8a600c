/** Delivers by POST to one of the receivers, and reaches the kill points around it. */
import { permanentError, type Transport } from 'waybill'
import type { KillPoints } from './kill-points.js'
import { luckOf, NAME_HEADER } from './plan.js'
import type { ClaimRecord } from './recording-store.js'

export interface ReceiverTransportPorts {
  readonly receivers: readonly number[]
  readonly points: KillPoints
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
      const port = receivers[Math.floor(luckOf(id) * receivers.length)]
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        method: 'POST',
        headers: {
          [NAME_HEADER]: headers[NAME_HEADER] ?? id, 'content-type': contentType, 'chaos-attempt': String(attempt),
        },
        body: payload as Uint8Array<ArrayBuffer>,
        signal,
      })
      // Read, so that the connection can be used again.
      await response.arrayBuffer()
      if (response.ok) {
        points.reach('after-send')
        if (claim !== undefined) claim.sent += 1
        if (claim !== undefined && claim.sent < claim.size) points.reach('mid-batch')
        return
      }
      if (response.status === 422) throw permanentError('refused for good')
      throw new Error(`status ${response.status}`)
    },
  }
}
