import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { StopSignal } from '../../src/cli/io.js'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { runCli, temporaryFolder, type RunResult } from './program.js'

let folder: ReturnType<typeof temporaryFolder>
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

const HANDLERS = `
  mailer: async ({ payload, attempt }) => {
    if (payload === 'refused') throw Object.assign(new Error('no'), { name: 'WaybillError', code: 'PERMANENT', retryable: false })
    if (payload === 'late' && attempt === 1) throw new Error('not yet, see https://u:hunter2@shop.example')
    if (payload === 'stuck') await new Promise(() => undefined)
    if (payload === 'slow') await new Promise((resolve) => setTimeout(resolve, 300))
  },`

async function enqueue(...payloads: string[]): Promise<void> {
  writeFileSync(join(folder.path, 'waybill.config.mjs'), `
    export const config = {
      url: 'sqlite:shop.db',
      relays: [{ lane: 'orders', handlers: {${HANDLERS}}, retry: { baseMs: 1 }, pollMaxMs: 20 }],
    }`)
  const waybill = createWaybill({ store: sqlite({ path: join(folder.path, 'shop.db') }) })
  await waybill.migrate()
  for (const payload of payloads) {
    await waybill.outbox.enqueueAlone({ type: 'order.placed', lane: 'orders', target: 'mailer', payload })
  }
  await waybill.close()
}

/** Runs until `signals` have been sent: each when its text has been printed. */
async function relay(
  signals: readonly (readonly [RegExp, StopSignal])[], ...argv: string[]
): Promise<RunResult> {
  const left = [...signals]
  let send: (signal: StopSignal) => void = () => undefined
  let seen = ''
  return runCli(['relay', ...argv], {
    cwd: folder.path,
    onListen: (sender) => { send = sender },
    onOutput(text) {
      seen += text
      const [next] = left
      if (next === undefined || !next[0].test(seen)) return
      left.shift()
      send(next[1])
    },
  })
}

describe('waybill relay', () => {
  test('a line for each outcome, and 0 after a drain', async () => {
    await enqueue('fine', 'late', 'refused')
    const { code, stdout } = await relay([[/(?:delivered {2}[^]*){2}/, 'SIGTERM']])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^started: 1 relay on sqlite:.*shop\.db \(.*waybill\.config\.mjs\)\n/)
    expect(stdout).toMatch(/ {2}delivered {6}orders\/mailer {2}\S+ {2}attempt 1 {2}\d+ ms\n/)
    expect(stdout).toMatch(/ {2}requeued {7}orders\/mailer {2}\S+ {2}attempt 1 {2}\d+ ms {2}Error: not yet.* again in \d+ ms\n/)
    expect(stdout).toMatch(/ {2}dead_lettered {2}orders\/mailer .*WaybillError: no\n/)
    expect(stdout).toContain('https://u:***@shop.example')
    expect(stdout).toMatch(/stopping: SIGTERM: [^\n]+\nstopped: \d+ finished, \d+ given back, 0 abandoned\n$/)
  })

  test('JSON lines', async () => {
    await enqueue('fine')
    const { stdout } = await relay([[/"delivered"/, 'SIGINT']], '--json')
    const lines = stdout.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.map(({ event }) => event)).toEqual(['started', 'delivered', 'stopping', 'stopped'])
    expect(lines[1]).toMatchObject({
      lane: 'orders', target: 'mailer', id: expect.any(String) as string, attempt: 1, ms: expect.any(Number) as number,
    })
  })

  test('what is under way is waited for', async () => {
    await enqueue('slow')
    const { code, stdout } = await relay([[/started/, 'SIGTERM']])
    expect(code).toBe(0)
    expect(stdout).toMatch(/stopped: /)
  })

  test('1 when the deadline is over', async () => {
    await enqueue('stuck', 'fine')
    const { code, stdout } = await relay([[/delivered/, 'SIGTERM']], '--stop-timeout', '50ms')
    expect(code).toBe(1)
    expect(stdout).toContain('1 abandoned')
  })

  test('130 when a second signal forces it', async () => {
    await enqueue('stuck', 'fine')
    const { code, stdout } = await relay([[/delivered/, 'SIGINT'], [/stopping/, 'SIGINT']])
    expect(code).toBe(130)
    expect(stdout).toContain('forced')
  })

  test('fails at once without a schema', async () => {
    await enqueue()
    const { code, stderr } = await runCli(['relay', '--url', 'waybill.config.mjs'], { cwd: folder.path })
    expect(code).toBe(1)
    expect(stderr).toContain('waybill: ')
    writeFileSync(join(folder.path, 'empty.db'), '')
    const empty = await runCli(['relay', '--url', 'empty.db'], { cwd: folder.path })
    expect(empty.code).toBe(1)
    expect(empty.stderr).toContain('next: run `waybill migrate`')
  })

  test('a configuration without relays is refused', async () => {
    writeFileSync(join(folder.path, 'waybill.config.mjs'), `export const config = { url: 'waybill.config.mjs' }`)
    const { code, stderr } = await runCli(['relay'], { cwd: folder.path })
    expect(code).toBe(2)
    expect(stderr).toContain('has no relays')
  })

  test('a relay that makes no sense is refused', async () => {
    writeFileSync(join(folder.path, 'waybill.config.mjs'),
      `export const config = { url: 'waybill.config.mjs', relays: [{ handlers: {} }] }`)
    const { code, stderr } = await runCli(['relay'], { cwd: folder.path })
    expect(code).toBe(2)
    expect(stderr).toContain('must name at least one target')
  })
})
