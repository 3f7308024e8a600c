// Draining a backlog on PostgreSQL into a handler that does nothing but count.
import { bar } from '../measure/bars.mjs'
import { interleave } from '../measure/rounds.mjs'
import { median } from '../measure/statistics.mjs'
import { throughputColumns, throughputRows } from '../measure/throughput.mjs'
import { onPeer } from '../peers/peer-drain.mjs'
import { fill } from './by-hand.mjs'
import { payloadOf, Tally } from './order.mjs'
import { BATCH, RELAY } from './relay-settings.mjs'

const KEYS = 1_000

function relayDrain(bench, { waybill = bench.waybill, lane, relays = 1 }) {
  return async (tally) => {
    const options = { ...RELAY, lane, handlers: { mailer: ({ payload }) => tally.add(payload) } }
    const all = Array.from({ length: relays }, () => waybill.relay(options))
    await Promise.all(all.map((relay) => relay.drain()))
    await Promise.all(all.map((relay) => relay.stop()))
  }
}

/** A variant on Waybill's tables: fills, measures the drain, checks that everything came once and is gone. */
function onTables(bench, who, drain, { lane, kept = 0 } = {}) {
  const count = lane === undefined ? bench.sizes.drain : bench.sizes.ordered
  return async () => {
    await bench.vacuum()
    if (lane === undefined) await fill(bench.admin, bench.byHand, count)
    else await fillOrdered(bench, lane, count)
    const tally = new Tally()
    const measured = await bench.load.measure(count, () => drain(tally))
    tally.mustBe(count, who)
    await bench.mustHold(kept * count, who)
    if (kept > 0) await bench.empty()
    return measured
  }
}

async function fillOrdered(bench, lane, count) {
  for (let done = 0; done < count; done += 1_000) {
    const drafts = Array.from({ length: Math.min(1_000, count - done) }, (_, n) => (
      { type: 'order.placed', target: 'mailer', lane, key: `key-${(done + n) % KEYS}`, payload: payloadOf(done + n) }))
    await bench.inTransaction((client) => bench.waybill.outbox.enqueueMany(client, drafts))
  }
}

function onClassic(bench, table, drain) {
  const count = bench.sizes.drain
  return async () => {
    await bench.classic.vacuum(table)
    await bench.classic.fill(table, count)
    const tally = new Tally()
    const measured = await bench.load.measure(count, () => drain((payload) => tally.add(payload)))
    tally.mustBe(count, table)
    return measured
  }
}

/** Of each peer the best counts. */
const GRAPHILE = ['graphile500', 'graphile2000']
const BOSS_DELETING = ['bossDelete1', 'bossDelete5', 'bossDelete2x']
const BOSS_RETAINING = ['bossWork', 'bossComplete']
const SLOWER_MODES = ['graphile500', 'bossDelete1', 'bossComplete']

function chosenVariants(bench) {
  const isChosen = ([name]) => bench.sizes.everyMode || !SLOWER_MODES.includes(name)
  const chosen = Object.entries(variants(bench)).filter(isChosen)
  return Object.fromEntries(chosen)
}

function variants(bench) {
  const { byHand, classic, admin, sizes } = bench
  const peer = (name, drain, count = sizes.drain) => onPeer(bench, name, drain, count)
  return {
    waybill: onTables(bench, 'waybill', relayDrain(bench, {})),
    four: onTables(bench, 'four relays', relayDrain(bench, { relays: 4 })),
    hand: onTables(bench, 'by hand', (tally) => byHand.drain(admin, BATCH, (payload) => tally.add(payload))),
    ordered: onTables(bench, 'ordered', relayDrain(bench, { lane: 'ordered' }), { lane: 'ordered' }),
    retained: onTables(bench, 'retaining', relayDrain(bench, { waybill: bench.retaining }), { kept: 1 }),
    updating: onClassic(bench, 'classic_queue', (onPayload) => classic.drainUpdating(BATCH, onPayload)),
    deleting: onClassic(bench, 'deleted_queue', (onPayload) => classic.drainDeleting(BATCH, onPayload)),
    graphile500: peer('graphile', (queue, onPayload) => queue.drain(500, onPayload)),
    graphile2000: peer('graphile', (queue, onPayload) => queue.drain(2_000, onPayload)),
    bossDelete1: peer('boss', (queue, onPayload) => queue.drainByFetch('deleteJob', 1_000, 1, onPayload)),
    bossDelete2x: peer('boss', (queue, onPayload) => queue.drainByFetch('deleteJob', 1_000, 2, onPayload)),
    bossDelete5: peer('boss', (queue, onPayload) => queue.drainByFetch('deleteJob', 5_000, 1, onPayload)),
    bossComplete: peer('boss', (queue, onPayload) => queue.drainByFetch('complete', 1_000, 2, onPayload)),
    bossWork: peer('boss', (queue, onPayload, count) => queue.drainByWork(count, onPayload)),
    pto: peer('pto', (queue, onPayload, count) => queue.drain(count, onPayload), sizes.slowDrain),
  }
}

const LABELS = {
  waybill: 'waybill relay', four: 'waybill, 4 relays', hand: 'by hand: the same claim and delete',
  ordered: 'waybill, ordered lane, 1,000 keys', retained: 'waybill, delivered are kept',
  updating: 'by hand: UPDATE … SKIP LOCKED, DELETE', deleting: 'by hand: DELETE … RETURNING',
  graphile500: 'graphile-worker, localQueue 500', graphile2000: 'graphile-worker, localQueue 2,000',
  bossDelete1: 'pg-boss, fetch 1,000, deleteJob', bossDelete2x: 'pg-boss, 2 × fetch 1,000, deleteJob',
  bossDelete5: 'pg-boss, fetch 5,000, deleteJob', bossComplete: 'pg-boss, 2 × fetch 1,000, complete (kept)',
  bossWork: 'pg-boss, work 1,000 × 2 (kept)', pto: 'pg-transactional-outbox, polling 100 (kept)',
}

/** `enqueued` is what `enqueueMany` measured, for the bytes of WAL from end to end. */
export async function drain(bench, enqueued) {
  await bench.empty()
  const measurements = await interleave(chosenVariants(bench), bench.sizes.rounds)
  const bestOf = (names) => measurements.best(names.filter((name) => measurements.names.includes(name)), 'rate')
  const [graphile, boss, kept] = [bestOf(GRAPHILE), bestOf(BOSS_DELETING), bestOf(BOSS_RETAINING)]
  const rate = (over, under) => measurements.ratio(over, under, 'rate')
  const wal = endToEnd(measurements, enqueued)
  return {
    title: `A drain of ${bench.sizes.drain.toLocaleString('en-US')} messages into a handler that only counts`,
    columns: throughputColumns('messages'),
    rows: throughputRows(measurements, LABELS, 'hand'),
    notes: [
      `Waybill's relay to the best of each: ${LABELS[graphile]}: ${rate('waybill', graphile).toFixed(2)}; `
        + `to ${LABELS[boss]}: ${rate('waybill', boss).toFixed(2)}; `
        + `keeping what is delivered, to ${LABELS[kept]}: ${rate('retained', kept).toFixed(2)}.`,
    ],
    bars: [
      bar('postgres drain / the same claim and delete by hand', rate('waybill', 'hand'), '>=', 0.7),
      bar('postgres drain / graphile-worker at its best', rate('waybill', graphile), '>=', 2),
      bar('postgres drain / pg-boss at its best, nothing kept', rate('waybill', boss), '>=', 1.2),
      bar('postgres drain by 4 relays / by 1', rate('four', 'waybill'), '>=', 1),
      bar('postgres WAL from enqueue to delivered / by hand', wal, '<=', 1.15),
    ],
  }
}

function endToEnd(measurements, { waybill, hand }) {
  const total = (bytes, name) => median(bytes) + measurements.median(name, 'walBytes')
  return total(waybill, 'waybill') / total(hand, 'hand')
}
