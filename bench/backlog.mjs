// Lanes with and without a backlog that a claim has to do with: a hot key, of which one message is claimed, and a key
// whose dead head blocks all behind it.

const TARGET = 't'
const ORDERED = { ordering: 'block' }

/** As `createWaybill` takes them. */
export const BACKLOG_LANES = { 'ordered': ORDERED, 'hot-key': ORDERED, 'blocked-head': ORDERED }

/** What is made of each lane before its claims are measured. */
const BACKLOGS = {
  'unordered': async () => undefined,
  'ordered': async () => undefined,
  'hot-key': async (lane, backlog) => {
    await lane.put(backlog, () => 'hot')
    await lane.claim()
    await lane.setAside()
  },
  'blocked-head': async (lane, backlog) => {
    await lane.put(1, () => 'dead')
    const { token, messages: [message] } = await lane.claim()
    await lane.waybill.outbox.settle(token, [{ id: message.id, kind: 'dead', error: 'gone' }])
    await lane.put(backlog, () => 'dead')
    await lane.setAside()
  },
}
export const BACKLOG_NAMES = Object.keys(BACKLOGS)

/** A lane with its backlog, ready to be measured. */
export async function openBacklog(waybill, name, backlog, batch) {
  const lane = new BacklogLane(waybill, name, batch)
  await BACKLOGS[name](lane, backlog)
  return lane
}

class BacklogLane {
  waybill
  #lane
  #batch
  #round = 0

  constructor(waybill, lane, batch) {
    this.waybill = waybill
    this.#lane = lane
    this.#batch = batch
  }

  async put(count, keyOf) {
    for (let done = 0; done < count; done += 5_000) {
      const size = Math.min(5_000, count - done)
      const drafts = Array.from({ length: size }, (_, n) => (
        { lane: this.#lane, target: TARGET, type: 't', payload: { n }, key: keyOf(done + n) }))
      await this.waybill.transaction((tx) => this.waybill.outbox.enqueueMany(tx, drafts))
    }
  }

  claim() {
    return this.waybill.outbox.claim({
      lane: this.#lane, target: TARGET, consumer: 'bench', limit: this.#batch, leaseMs: 600_000,
    })
  }

  /** Lets claims pass over the backlog: they do so once, whoever comes first. */
  async setAside() {
    while (await this.claim() !== null);
  }

  /** How long it takes to claim a batch of messages with a key each, and then to find that nothing is left. */
  async measure() {
    const round = this.#round
    this.#round += 1
    await this.put(this.#batch, (n) => `${round}-${n}`)
    const began = performance.now()
    const { token, messages } = await this.claim()
    const claimMs = performance.now() - began
    if (messages.length !== this.#batch) throw new Error(`claimed ${messages.length} of ${this.#batch}`)
    await this.waybill.outbox.settle(token, messages.map(({ id }) => ({ id, kind: 'ack' })))
    const asked = performance.now()
    if (await this.claim() !== null) throw new Error('something was left')
    return { claimMs, pollMs: performance.now() - asked }
  }
}
