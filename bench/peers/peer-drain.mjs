// A variant on the tables of another package: fills, measures the drain, checks that everything came once and is gone.
import { Tally } from '../outbox/order.mjs'

/** `bench.peers` has one of this name. `drain` is called with it, with what takes a payload, and with the count. */
export function onPeer(bench, name, drain, count) {
  return async () => {
    const peer = bench.peers[name]
    await peer.vacuum()
    await peer.enqueueMany(count)
    const tally = new Tally()
    const measured = await bench.load.measure(count, () => drain(peer, (payload) => tally.add(payload), count))
    tally.mustBe(count, name)
    if (await peer.count() !== 0) throw new Error(`${name} did not settle everything`)
    await peer.clear()
    return measured
  }
}
