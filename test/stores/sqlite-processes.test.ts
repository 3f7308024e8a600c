/** Several processes on one file: nothing lost, nothing claimed twice, also when one is killed. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { scopeId } from '../../src/core/scope.js'
import { idsOf, message, migratedStore, openHandle, put, take, testFile } from './sqlite-support.js'

interface Report {
  readonly ids: readonly string[]
  readonly token?: string
}

class Child {
  readonly process: ChildProcess
  readonly #lines: AsyncIterator<string>

  constructor(path: string, name: string) {
    const script = fileURLToPath(new URL('sqlite-child.mjs', import.meta.url))
    this.process = spawn(process.execPath, [script, path, name], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface({ input: this.process.stdout! })[Symbol.asyncIterator]()
    onTestFinished(() => this.kill())
  }

  async run(command: string, options: object = {}): Promise<Report> {
    this.process.stdin!.write(`${JSON.stringify({ command, ...options })}\n`)
    const line = await this.#lines.next()
    const report = JSON.parse(String(line.value)) as Report & { error?: string }
    if (report.error !== undefined) throw new Error(report.error)
    return report
  }

  async kill(): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return
    const exit = once(this.process, 'exit')
    this.process.kill('SIGKILL')
    await exit
  }
}

test('four processes enqueue and drain one file: each message delivered once, by one of them', async () => {
  const path = testFile()
  const children = ['a', 'b', 'c', 'd'].map((name) => new Child(path, name))
  const [a, b, c, d] = children as [Child, Child, Child, Child]
  await Promise.all(children.map((child) => child.run('migrate')))
  const applied = openHandle(path).query('select version from waybill_migration order by version')
  expect(applied.map(({ version }) => version)).toEqual(applied.map((_, n) => BigInt(n + 1)))
  const work = [a.run('enqueue', { count: 1_500, batch: 15 }), b.run('enqueue', { count: 1_500, batch: 1 })]
  const drains = [c.run('drain', { expected: 3_000, scopes: [scopeId('even')] }), d.run('drain', { expected: 3_000 })]
  const enqueued = (await Promise.all(work)).flatMap(({ ids }) => ids)
  const delivered = (await Promise.all(drains)).flatMap(({ ids }) => ids)
  expect(new Set(enqueued).size).toBe(3_000)
  expect(delivered.toSorted()).toEqual(enqueued.toSorted())
}, 120_000)

test('a process killed with a claim: its messages are suspects after the lease, and its token is dead', async () => {
  let now = Date.now()
  const path = testFile()
  const store = await migratedStore({ path, now: () => now })
  const ids = await put(store, message(), message(), message())
  const child = new Child(path, 'victim')
  const held = await child.run('claimAndHang', { leaseMs: 60_000 })
  expect(held.ids).toEqual(ids)
  await child.kill()
  expect(await take(store)).toBeNull()
  now += 120_000
  const claim = await take(store)
  expect(claim).toMatchObject({ suspect: true })
  expect(idsOf(claim)).toEqual(ids.slice(0, 1))
  const outcomes = ids.map((id) => ({ id, kind: 'ack' as const }))
  expect(await store.settle({ token: held.token ?? '', outcomes, scope: undefined }))
    .toEqual(['lost_claim', 'lost_claim', 'lost_claim'])
}, 60_000)

test('a process killed inside its transaction leaves nothing, and its lock goes with it', async () => {
  const path = testFile()
  const store = await migratedStore({ path, busyTimeoutMs: 10_000 })
  const child = new Child(path, 'victim')
  expect((await child.run('enqueueAndHang')).ids).toHaveLength(1)
  const waiting = put(store, message())
  await child.kill()
  const [id] = await waiting
  expect((await store.list({ limit: 10 })).map((each) => each.id)).toEqual([id])
}, 60_000)
