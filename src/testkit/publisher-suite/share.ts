/** `share-*`, `crash-*`, `idle-*`: processes of one name, those that die, and those that have nothing to do. */
import assert from 'node:assert/strict'
import { seededRandom } from '../random.js'
import type { PublisherCase } from './case.js'
import { LEASE_MS, NAME, type Process, type PublisherContext } from './context.js'

const STREAMS = Array.from({ length: 40 }, (_, n) => `s${n}`)

export const shareCases: readonly PublisherCase[] = [
  {
    id: 'share-1', title: 'processes of one name share the streams: each event once, those of a stream in order',
    async run(context) {
      const processes = [await context.started(), await context.started(), await context.started()]
      const names: string[] = []
      // Until each has got something, which is after its share was given to it.
      while (processes.some(({ published }) => published.length === 0)) {
        for (const stream of STREAMS) names.push(...await context.append(stream))
        await turn()
      }
      await context.until(() => context.log.length >= names.length)
      context.checkLog(names)
      assert.equal(context.log.length, names.length, 'something was published twice')
    },
  },
  {
    id: 'share-2', title: 'what a process gave back when it stopped is published by the others',
    async run(context) {
      const [a, b] = [await context.started(), await context.started()]
      const names: string[] = []
      while (a.published.length === 0 || b.published.length === 0) {
        for (const stream of STREAMS) names.push(...await context.append(stream))
        await turn()
      }
      await a.publisher.stop()
      for (const stream of STREAMS) names.push(...await context.append(stream))
      await context.until(() => new Set(context.log.map(({ id }) => id)).size === names.length)
      context.checkLog(names)
      assert.equal(context.log.length, names.length, 'something was published twice')
      const { parts } = await stateOf(context)
      assert.equal(parts.some(({ owner }) => owner === undefined), false)
    },
  },
  {
    id: 'stop-1', title: 'stopped, by a call or a signal, it saves what is done and gives everything back at once',
    async run(context) {
      const signal = new AbortController()
      const names = await context.append('s', 2)
      const [first, second] = [await context.started({ signal: signal.signal, saveEveryMs: 60_000 }), context.process()]
      await context.until(() => first.published.length === 2)
      signal.abort()
      await first.publisher[Symbol.asyncDispose]()
      const { parts } = await stateOf(context)
      assert.deepEqual(parts.map(({ owner }) => owner), [undefined])
      await assert.rejects(first.publisher.start(), { code: 'CLOSED' })
      names.push(...await context.append('s', 1))
      await second.publisher.drain()
      assert.deepEqual([first.ids, second.ids], [names.slice(0, 2), names.slice(2)])
    },
  },
  {
    id: 'crash-1', title: 'one that dies is followed by another within a lease, and nothing is lost or out of order',
    async run(context) {
      const names: string[] = []
      for (const stream of STREAMS) names.push(...await context.append(stream, 3))
      const dying = await context.started({ concurrency: 1, batch: 10, publish: () => {
        if (dying.published.length === 17) dying.kill()
      } })
      await context.until(() => dying.isDead)
      const next = await context.started()
      await context.until(() => new Set(context.log.map(({ id }) => id)).size === names.length)
      context.checkLog(names)
      assert.equal(dying.published.length, 17)
      assert.ok(next.published.length <= names.length - 7, 'what was saved was published again')
    },
  },
  {
    id: 'crash-2', title: 'one that was thought dead changes nothing when it wakes up',
    async run(context) {
      let wake = (): void => undefined
      const asleep = new Promise<void>((resolve) => {
        wake = resolve
      })
      const { progress } = context.store
      let isAsleep = true
      // The process stands still from its first save on: its timers and its calls come later.
      const late = new Proxy(progress, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target)
          if (typeof value !== 'function') return value
          return async (...args: unknown[]) => {
            if (isAsleep && (name === 'save' || name === 'take') && paused.published.length > 0) await asleep
            return value.apply(target, args) as unknown
          }
        },
      })
      const first = await context.append('s', 1)
      const paused: Process = context.process({}, { progress: late })
      await paused.publisher.start()
      await context.until(() => paused.published.length === 1)
      const other = await context.started()
      const second = await context.append('s', 2)
      await context.until(() => other.ids.length === 3)
      const { parts: [before] } = await stateOf(context)
      isAsleep = false
      wake()
      const third = await context.append('s', 1)
      await context.until(() => context.log.some(({ sequence }) => sequence === 4n))
      context.checkLog([...first, ...second, ...third])
      assert.ok((before?.term ?? 0n) > 1n)
    },
  },
  {
    id: 'crash-3', title: 'one that was away for longer than its lease goes on by itself, with nobody to take over',
    async run(context) {
      const names: string[] = []
      for (const stream of STREAMS) names.push(...await context.append(stream, 2))
      let awayMs = 0
      const each = await context.started({
        concurrency: 1, time: { monotonicMs: () => performance.now() + awayMs },
        publish: async () => {
          if (each.published.length % 20 === 0) awayMs += 10 * LEASE_MS
          await turn()
        },
      })
      await context.until(() => new Set(context.log.map(({ id }) => id)).size === names.length)
      context.checkLog(names)
    },
  },
  {
    id: 'idle-1', title: 'nothing is written while there is nothing to publish, and what comes then is published',
    async run(context) {
      const calls = new Map<string, number>()
      const counting = new Proxy(context.store.progress, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target)
          if (typeof value !== 'function') return value
          return (...args: unknown[]): unknown => {
            calls.set(String(name), (calls.get(String(name)) ?? 0) + 1)
            return value.apply(target, args)
          }
        },
      })
      const names = await context.append('s', 3)
      const leaseMs = 40
      const each = context.process({ leaseMs }, { progress: counting })
      await each.publisher.start()
      await context.until(() => each.published.length === 3)
      await each.publisher.drain()
      const writes = (): number => (calls.get('take') ?? 0) + (calls.get('save') ?? 0)
      const [before, looks] = [writes(), calls.get('look') ?? 0]
      // It looks at the others a few times per lease, so several leases have run out by then.
      while ((calls.get('look') ?? 0) < looks + 12) await new Promise((resolve) => setTimeout(resolve, 5))
      assert.ok(writes() - before <= 1, `${writes() - before} writes`)
      names.push(...await context.append('s', 1))
      await context.until(() => each.published.length === 4)
      context.checkLog(names)
    },
  },
  {
    id: 'random-1', title: 'processes that come, stop and die while events fail: nothing lost, no stream out of order',
    async run(context) {
      await hurly(context, 1)
      await hurly(context, 2)
    },
  },
]

async function hurly(context: PublisherContext, seed: number): Promise<void> {
  const random = seededRandom(seed)
  const name = `hurly-${seed}`
  const names: string[] = []
  const processes: Process[] = []
  const begin = async (): Promise<void> => {
    processes.push(await context.started({
      name, start: 'head', batch: 1 + random.integer(0, 19), concurrency: 1 + random.integer(0, 7),
      publish: async () => {
        if (random.next() < 0.3) await turn()
        if (random.next() < 0.05) throw new Error('by chance')
      },
    }))
  }
  context.log.length = 0
  await begin()
  for (let round = 0; round < 60; round += 1) {
    const stream = `h${seed}-${random.integer(0, 11)}`
    names.push(...await context.append(stream, random.integer(1, 5)))
    const alive = processes.filter(({ isDead, publisher }) => !isDead && publisher.failure === undefined)
    if (random.next() < 0.1) await begin()
    else if (alive.length > 1 && random.next() < 0.1) random.pick(alive).kill()
    else if (alive.length > 1 && random.next() < 0.1) {
      const [stopped] = processes.splice(processes.findIndex(({ isDead }) => !isDead), 1)
      await stopped?.publisher.stop()
    }
    if (random.next() < 0.5) await turn()
  }
  await context.until(() => {
    const published = new Set(context.log.map(({ stream, sequence }) => `${stream}:${sequence}`))
    return names.every((each) => published.has(each))
  })
  context.checkLog(names)
  // What was not saved may be published again by those that go on.
  for (const { isDead, publisher } of processes) if (!isDead) await publisher.stop()
}

/** So that timers and processes have theirs. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

async function stateOf(context: PublisherContext) {
  return await context.store.progress.look(NAME) ?? assert.fail('there is no publisher')
}
