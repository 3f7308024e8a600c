/** From the items of a runner to a transport, whatever an envelope of them is. */
import { validationError } from '../core/errors.js'
import type { Envelope, Transport } from '../core/transport.js'
import { inBatches } from './batching.js'
import type { Deliver, DeliverContext, RunnerItem } from './source.js'

/** @throws VALIDATION when it is no transport. */
export function throughTransport<Item extends RunnerItem>(
  transport: Transport, envelopeOf: (item: Item, context: DeliverContext) => Envelope,
): Deliver<Item> {
  if (typeof transport.deliver !== 'function') throw validationError('transport', 'has no deliver function')
  const one: Deliver<Item> = (item, context) => transport.deliver(envelopeOf(item, context), context)
  if (transport.deliverBatch === undefined) return one
  if (typeof transport.deliverBatch !== 'function') {
    throw validationError('transport.deliverBatch', 'must be a function')
  }
  return inBatches<Item>({
    one,
    many: async (members, signal) => transport.deliverBatch?.(
      members.map(({ item, context }) => envelopeOf(item, context)), { signal }),
  })
}
