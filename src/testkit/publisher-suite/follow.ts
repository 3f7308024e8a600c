/** `publish-*`, `start-*`: what is published, from where, and in which form. */
import assert from 'node:assert/strict'
import type { Envelope } from '../../core/transport.js'
import { isWaybillError } from '../../core/errors.js'
import type { PublisherCase } from './case.js'
import { NAME } from './context.js'

export const publishCases: readonly PublisherCase[] = [
  {
    id: 'A-1', title: 'what was published is not published again by the next process',
    async run(context) {
      const first = await context.append('agg', 5)
      const a = context.process()
      assert.equal((await a.publisher.drain()).delivered, 5)
      await a.publisher.stop()
      const later = await context.append('agg', 3)
      const b = context.process()
      await b.publisher.drain()
      assert.deepEqual([a.ids, b.ids], [first, later])
      assert.deepEqual([a.publisher.counters().delivered, b.publisher.counters().delivered], [5, 3])
    },
  },
  {
    id: 'publish-1', title: 'many streams, in pages of any size: each event once, those of a stream in order',
    async run(context) {
      for (const batch of [1, 3, 1_000]) {
        const names: string[] = []
        for (let n = 0; n < 30; n += 1) names.push(...await context.append(`s${n % 7}-${batch}`, 1 + n % 3))
        const { publisher } = context.process({ batch, concurrency: 5, name: `by-${batch}`, start: 'earliest' })
        await publisher.drain()
        const mine = context.log.filter(({ stream }) => stream.endsWith(`-${batch}`))
        assert.equal(mine.length, names.length)
        await publisher.stop()
        context.log.length = 0
      }
    },
  },
  {
    id: 'publish-2', title: 'follows tags, or streams, or everything, and what publishers keep only by name',
    async run(context) {
      await context.append('a', 1, { tags: ['red'] })
      await context.append('b', 1, { tags: ['blue', 'red'] })
      await context.append('c', 1, { tags: ['green'] })
      await context.append('outbox::x::offsets', 1, { tags: ['red'] })
      const cases = [
        [{ tags: ['red', 'blue'] }, ['a:1', 'b:1']],
        [{ streams: ['c', 'outbox::x::offsets'] }, ['c:1', 'outbox::x::offsets:1']],
        ['all', ['a:1', 'b:1', 'c:1']],
      ] as const
      for (const [n, [follow, wanted]] of cases.entries()) {
        const each = context.process({ follow, name: `p${n}` })
        await each.publisher.drain()
        assert.deepEqual(each.ids.toSorted(), wanted.toSorted())
      }
    },
  },
  {
    id: 'publish-3', title: 'the whole event is published, its payload read and brought to the newest shape',
    async run(context) {
      await context.append('s', 1, { manifest: 'v1', tags: ['t'], headers: { h: 'x' }, payload: { total: 7 } })
      await context.append('s', 1, { manifest: 'v3', payload: { cents: 1 } })
      await context.append('s', 1, { payload: new Uint8Array([1, 2]), contentType: 'x/y' })
      const each = context.process({
        upcast: {
          v1: (payload) => ({ manifest: 'v2', payload: { sum: (payload as { total: number }).total } }),
          v2: (payload) => ({ manifest: 'v3', payload: { cents: (payload as { sum: number }).sum * 100 } }),
        },
      })
      await each.publisher.drain()
      const [first, second, third] = each.published
      assert.deepEqual([first?.payload, first?.manifest, first?.tags, first?.headers, first?.attempt, first?.type],
        [{ cents: 700 }, 'v3', ['t'], { h: 'x' }, 1, 'thing.happened'])
      assert.equal(Buffer.from(first?.bytes ?? []).toString(), '{"total":7}')
      assert.deepEqual(second?.payload, { cents: 1 })
      assert.deepEqual([...third?.payload as Uint8Array], [1, 2])
    },
  },
  {
    id: 'publish-4', title: 'a transport gets an envelope with stream, number and manifest, and the bytes as appended',
    async run(context) {
      const got: Envelope[] = []
      await context.append('s', 1, { manifest: 'm', headers: { h: 'x' }, payload: { a: 1 } })
      await context.append('s', 1, { manifest: 'old', payload: { a: 1 } })
      const { publisher } = context.process({
        upcast: { old: () => ({ manifest: 'new', payload: { b: 2 } }) },
        transport: { name: 'list', deliver: async (envelope) => void got.push(envelope) },
      })
      await publisher.drain()
      assert.deepEqual(got.map(({ key, lane, target, headers, payload, contentType }) => (
        { key, lane, target, headers, text: Buffer.from(payload).toString(), contentType })), [
        {
          key: 's', lane: 'journal', target: NAME, text: '{"a":1}', contentType: 'application/json',
          headers: { 'h': 'x', 'waybill-stream': 's', 'waybill-sequence': '1', 'waybill-manifest': 'm' },
        },
        {
          key: 's', lane: 'journal', target: NAME, text: '{"b":2}', contentType: 'application/json',
          headers: { 'waybill-stream': 's', 'waybill-sequence': '2', 'waybill-manifest': 'new' },
        },
      ])
    },
  },
  {
    id: 'start-1', title: 'a new publisher begins at the first event, behind the last, or at a cursor',
    async run(context) {
      await context.append('s', 2)
      const { cursor } = await context.journal.readAll({ limit: 1 })
      const starts = [['earliest', 3], ['head', 1], [{ cursor }, 2]] as const
      const publishers = starts.map(([start], n) => context.process({ start, name: `p${n}` }))
      for (const { publisher } of publishers) await publisher.drain()
      await context.append('s', 1)
      for (const { publisher } of publishers) await publisher.drain()
      assert.deepEqual(publishers.map(({ published }) => published.length), starts.map(([, count]) => count))
      for (const { publisher } of publishers) await publisher.stop()
      const again = context.process({ start: 'earliest', name: 'p1' })
      await again.publisher.drain()
      assert.deepEqual(again.ids, [])
    },
  },
  {
    id: 'start-2', title: 'a name that follows something else is refused, and nothing is published',
    async run(context) {
      await context.append('s', 1, { tags: ['red'] })
      await context.process({ follow: { tags: ['red'] } }).publisher.drain()
      const other = context.process({ follow: { tags: ['red', 'blue'] } })
      await assert.rejects(other.publisher.start(), (error) => isWaybillError(error, 'PUBLISHER_MISMATCH'))
      assert.deepEqual(other.ids, [])
    },
  },
  {
    id: 'wake-1', title: 'what is appended is published at once, and a started publisher drains',
    async run(context) {
      const each = await context.started({ pollMaxMs: 60_000 })
      await each.publisher.drain()
      for (let n = 1; n <= 5; n += 1) {
        await context.append('s')
        await context.until(() => each.published.length === n)
      }
      await each.publisher.drain()
      assert.equal((await each.publisher.lag()).events, 0)
    },
  },
  {
    id: 'lag-1', title: 'lag counts what is committed and not published, also behind a failing event',
    async run(context) {
      let isDown = true
      await context.append('a', 3)
      await context.append('b', 2)
      const each = context.process({
        batch: 2, retry: { baseMs: 3_600_000, maxMs: 3_600_000, jitter: 'none' },
        publish: ({ stream }) => {
          if (stream === 'a' && isDown) throw new Error('down')
        },
      })
      await each.publisher.runOnce()
      const lag = await each.publisher.lag()
      assert.deepEqual([lag.events > 0, lag.hasMore, lag.heldStreams], [true, false, 1])
      await each.publisher.drain()
      isDown = false
      assert.deepEqual([(await each.publisher.lag()).events, (await each.publisher.lag()).heldStreams], [0, 1])
    },
  },
]
