/** A processor that is killed, on a SQLite file: nothing is lost, and nothing counted or moved twice. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { DlqProcessor } from '../../src/deadletters/processor.js'
import { DEFAULT_DRAIN_LEASE_MS } from '../../src/deadletters/stored-heap.js'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { openHandle, testFile } from '../stores/sqlite-support.js'
import { SET_ASIDE_TABLES, setAside } from './set-aside.js'

const COUNT = 20

async function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** Drains, comes to the moment, and is killed there. @returns what it said last. */
async function processorDies(path: string, moment: 'before' | 'behind'): Promise<string> {
  const script = fileURLToPath(new URL('processor-child.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, path, moment], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => killed(child))
  const line = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  await killed(child)
  return String(line.value)
}

async function opened() {
  const path = testFile()
  let offset = 0
  const store = sqlite({ path, now: () => Date.now() + offset })
  onTestFinished(() => store.close())
  const waybill = createWaybill({ store })
  await waybill.migrate()
  const { query } = openHandle(path)
  for (const text of SET_ASIDE_TABLES) query(text)
  const heap = waybill.heap('mailer')
  for (let n = 0; n < COUNT; n += 1) {
    query('insert into message (id) values (?1)', `m${n}`)
    for (let failure = 0; failure < 10 + n % 3; failure += 1) await heap.recordFailure(`m${n}`, `refused ${failure}`)
  }
  await heap.recordFailure('healthy')
  const processor = new DlqProcessor({ heap, quarantine: (entries) => setAside(store, entries) })
  onTestFinished(async () => void await processor.stop())
  return {
    path, heap, processor, query, leaseIsOver: () => { offset += DEFAULT_DRAIN_LEASE_MS },
    /** Of each message that was moved: how often, and with how many failures. */
    moved: () => query('select id, count(*) as times, max(failures) as failures from set_aside group by id order by id')
      .map(({ id, times, failures }) => [id, Number(times), Number(failures)]),
  }
}

const EXPECTED = Array.from({ length: COUNT }, (_, n) => [`m${n}`, 1, 10 + n % 3])
  .toSorted(([a], [b]) => (String(a) < String(b) ? -1 : 1))

test('killed between drain and quarantine: all comes back with the lease, with its count, and is moved once', async () => {
  const { path, heap, processor, query, leaseIsOver, moved } = await opened()
  expect(await processorDies(path, 'before')).toBe(`before ${COUNT}`)
  expect(moved()).toEqual([])
  expect(query('select id from message')).toHaveLength(COUNT)
  expect(await processor.runOnce()).toEqual({ drained: 0, handled: 0 })
  leaseIsOver()
  expect(await processor.runOnce()).toEqual({ drained: COUNT, handled: COUNT })
  expect(moved()).toEqual(EXPECTED)
  leaseIsOver()
  expect(await heap.drainExceeded(1)).toMatchObject([{ id: 'healthy', failures: 1 }])
}, 60_000)

test('killed between quarantine and confirmation: the repeated quarantine changes nothing, and is confirmed', async () => {
  const { path, heap, processor, query, leaseIsOver, moved } = await opened()
  expect(await processorDies(path, 'behind')).toBe(`behind ${COUNT}`)
  expect(moved()).toEqual(EXPECTED)
  leaseIsOver()
  expect(await processor.runOnce()).toEqual({ drained: COUNT, handled: COUNT })
  expect(moved()).toEqual(EXPECTED)
  expect(query('select id from message')).toEqual([])
  leaseIsOver()
  expect(await heap.drainExceeded(1)).toMatchObject([{ id: 'healthy', failures: 1 }])
}, 60_000)

test('killed again and again, and failing on in between: the counts are of all failures, once each', async () => {
  const { path, heap, processor, leaseIsOver, moved } = await opened()
  // Their clock is the system's, so what they drain is hidden until this process's is ahead.
  expect(await processorDies(path, 'before')).toBe(`before ${COUNT}`)
  await heap.recordFailure('m0', 'while it was hidden')
  leaseIsOver()
  expect(await heap.drainExceeded(10)).toHaveLength(COUNT)
  await heap.recordFailure('m1', 'while it was hidden anew')
  leaseIsOver()
  expect(await processor.runOnce()).toEqual({ drained: COUNT, handled: COUNT })
  expect(moved()).toEqual(EXPECTED.map(([id, times, failures]) => (
    [id, times, Number(failures) + (id === 'm0' || id === 'm1' ? 1 : 0)])))
}, 60_000)
