/** From an item to the call of a handler. */
import { throttledError } from '../core/transport.js'
import { whenDone, type Deliver, type DeliverContext } from '../runner/source.js'
import { decodeResult } from './frame.js'
import type { ResultsItem, SnapshotItem, SubscriberItem } from './subscriber-item.js'
import type { ResultContext, SubscriberOptions } from './subscriber-options.js'

/** How soon to look again for a feed that was there a moment ago. */
const MISSING_RETRY_MS = 1_000

export function deliverTo(options: SubscriberOptions): Deliver<SubscriberItem> {
  return (item, context) => (
    item.kind === 'snapshot' ? snapshotTo(options, item, context) : whenDone(resultsTo(options, item, context)))
}

/** What cannot be read now can be by no later try: CORRUPT is for good. */
function resultsTo(options: SubscriberOptions, item: ResultsItem, context: DeliverContext): unknown {
  const { codec } = item.working.feed
  const results = item.entries.map(({ sequence, data }) => decodeResult(sequence, data, codec))
  if (options.onBatch !== undefined) return options.onBatch(results, contextOf(item, context))
  const [result] = results
  return result && options.onResult(result, contextOf(item, context))
}

/**
 * The snapshot is read anew by each try. Its sequence is taken when the handler is through: until its rows are read, it
 * may still ascend.
 */
async function snapshotTo(
  { onSnapshot }: SubscriberOptions, item: SnapshotItem, context: DeliverContext,
): Promise<void> {
  const { feed } = item.working
  const snapshot = await feed.snapshot()
  if (snapshot === undefined) throw throttledError(`feed '${feed.name}' is not there any more`, MISSING_RETRY_MS)
  const close = (): void => void snapshot.close().catch(() => undefined)
  context.signal.addEventListener('abort', close, { once: true })
  try {
    await onSnapshot?.(snapshot, Object.assign(contextOf(item, context), { isReset: item.isReset }))
    const { sequence, incarnation, configHash } = snapshot
    item.taken = { feed: feed.key, sequence, incarnation, configHash }
  } finally {
    context.signal.removeEventListener('abort', close)
    await snapshot.close()
  }
}

/** The signal is made when it is asked for. */
function contextOf({ working: { feed }, attempt }: SubscriberItem, context: DeliverContext): ResultContext {
  return {
    feed, attempt, term: BigInt(context.claimToken),
    get signal() {
      return context.signal
    },
  }
}
