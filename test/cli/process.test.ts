/** The program as processes: signals, children, exit codes. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { sqlite } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { buildProgram, temporaryFolder, type BuiltProgram, type StartedProgram } from './program.js'

let program: BuiltProgram
let folder: ReturnType<typeof temporaryFolder>
beforeAll(() => {
  program = buildProgram()
})
afterAll(() => program.remove())
beforeEach(() => {
  folder = temporaryFolder()
})
afterEach(() => folder.remove())

const start = (...argv: string[]): StartedProgram => program.start(argv, { cwd: folder.path })

/** Resolves when stdout has matched, and fails when the program ends before. */
async function printed({ process, ended }: StartedProgram, pattern: RegExp): Promise<void> {
  let seen = ''
  const matched = new Promise<void>((resolve) => {
    process.stdout?.on('data', (chunk: Buffer) => {
      seen += chunk.toString()
      if (pattern.test(seen)) resolve()
    })
  })
  await Promise.race([matched, ended.then(({ stderr }) => Promise.reject(new Error(`ended: ${seen} ${stderr}`)))])
}

/** The processes that work in a folder, by what their command line says. */
function processesIn(path: string): string[] {
  const numbers = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return numbers.filter((number) => {
    try {
      return readFileSync(`/proc/${number}/cmdline`, 'utf8').includes(path)
    } catch {
      return false
    }
  }).filter((number) => number !== String(process.pid))
}

async function gone(path: string): Promise<void> {
  while (processesIn(path).length > 0) await sleep(20)
}

describe('waybill demo', () => {
  test('the books balance, and stdout is one line of JSON', async () => {
    const { code, stdout, stderr } = await start('demo', '--seconds', '4', '--json', '--dir', 'here').ended
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toHaveLength(1)
    const result = JSON.parse(stdout) as Record<string, number>
    expect(result).toMatchObject({ lost: 0, phantom: 0, waiting: 0 })
    expect(result['committed']).toBe(result['delivered']! + result['deadLettered']!)
    expect(result['committed']).toBeGreaterThan(100)
    expect(result['kills']).toBeGreaterThanOrEqual(2)
    expect(stdout).toMatch(/^\{"committed":\d+,"delivered":\d+,"deadLettered":\d+,"duplicates":\d+,"lost":0,"phantom":0,/)
    expect(code).toBe(0)
    expect(readdirSync(join(folder.path, 'here'))).toEqual([])
  }, 120_000)

  test('for people: progress, the table and the verdict; the files stay on demand', async () => {
    const { code, stdout, stderr } = await start('demo', '--seconds', '2', '--keep', '--dir', 'here').ended
    expect(stdout).toMatch(/ s {2}SIGKILL to the relay\n/)
    expect(stdout).toMatch(/\n {2}lost {17}0 {3}committed/)
    expect(stdout).toContain('The books balance')
    expect(stdout).not.toContain('\u001b')
    const [kept = ''] = readdirSync(join(folder.path, 'here'))
    expect(stderr).toContain(kept)
    expect(readdirSync(join(folder.path, 'here', kept)).sort()).toEqual(expect.arrayContaining(['receiver.jsonl', 'shop.db']))
    expect(code).toBe(0)
  }, 120_000)

  // reason: /proc is Linux
  describe.runIf(existsSync('/proc/self/cmdline'))('its processes', () => {
    test.each(['SIGINT', 'SIGTERM'] as const)('%s ends all, removes the files and says 130', async (signal) => {
      const demo = start('demo', '--seconds', '60', '--dir', 'here')
      await printed(demo, /delivered/)
      expect(processesIn(join(folder.path, 'here')).length).toBeGreaterThanOrEqual(3)
      demo.process.kill(signal)
      expect(await demo.ended).toMatchObject({ code: 130, stderr: 'interrupted\n' })
      expect(processesIn(join(folder.path, 'here'))).toEqual([])
      expect(readdirSync(join(folder.path, 'here'))).toEqual([])
    }, 120_000)

    test('none outlives a parent that is killed', async () => {
      const demo = start('demo', '--seconds', '60', '--dir', 'here')
      await printed(demo, /delivered/)
      demo.process.kill('SIGKILL')
      await demo.ended
      await gone(join(folder.path, 'here'))
    }, 120_000)

    test('a child that dies is an error that names it', async () => {
      const demo = start('demo', '--seconds', '60', '--dir', 'here', '--json')
      let receiver: string | undefined
      while (receiver === undefined) {
        await sleep(20)
        receiver = processesIn(join(folder.path, 'here')).find((number) =>
          readFileSync(`/proc/${number}/cmdline`, 'utf8').includes('receiver.js'))
      }
      process.kill(Number(receiver), 'SIGKILL')
      const { code, stdout, stderr } = await demo.ended
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(JSON.parse(stderr)).toMatchObject({
        error: { code: 'DEMO_FAILED', message: expect.stringContaining('the receiver ended by itself (SIGKILL)') as string },
      })
      expect(processesIn(join(folder.path, 'here'))).toEqual([])
    }, 120_000)
  })
})

describe('waybill relay', () => {
  const HANDLER = `async ({ payload }) => {
    if (payload === 'slow') await new Promise((resolve) => setTimeout(resolve, 400))
    if (payload === 'stuck') await new Promise(() => setInterval(() => undefined, 1000))
  }`

  async function enqueue(...payloads: string[]): Promise<void> {
    writeFileSync(join(folder.path, 'waybill.config.mjs'), `
      export const config = { url: 'sqlite:shop.db', relays: [{ handlers: { mailer: ${HANDLER} } }] }`)
    const waybill = createWaybill({ store: sqlite({ path: join(folder.path, 'shop.db') }) })
    await waybill.migrate()
    for (const payload of payloads) await waybill.outbox.enqueueAlone({ type: 't', target: 'mailer', payload })
    await waybill.close()
  }

  const counts = async (): Promise<object | undefined> => {
    const { stdout } = await start('stats', '--url', 'shop.db', '--json').ended
    return (JSON.parse(stdout) as { queues: object[] }).queues[0]
  }

  test('SIGTERM drains what is under way, and ends with 0', async () => {
    await enqueue('slow', 'fine')
    const relay = start('relay')
    await printed(relay, /delivered/)
    relay.process.kill('SIGTERM')
    const { code, stdout } = await relay.ended
    expect(stdout).toMatch(/stopped: 1 finished, 0 given back, 0 abandoned\n$/)
    expect(code).toBe(0)
    expect(await counts()).toMatchObject({ delivered: 2, claimed: 0 })
  })

  test('a second SIGINT forces it, and ends with 130', async () => {
    await enqueue('stuck', 'fine')
    const relay = start('relay')
    await printed(relay, /delivered/)
    relay.process.kill('SIGINT')
    await printed(relay, /stopping/)
    relay.process.kill('SIGINT')
    expect((await relay.ended).code).toBe(130)
    expect(await counts()).toMatchObject({ delivered: 1, claimed: 1 })
  })

  test('--stop-timeout bounds the drain', async () => {
    await enqueue('stuck', 'fine')
    const relay = start('relay', '--stop-timeout', '100ms', '--json')
    await printed(relay, /delivered/)
    relay.process.kill('SIGTERM')
    const { code, stdout } = await relay.ended
    expect(code).toBe(1)
    expect(stdout).toContain('1 abandoned')
  })
})

describe('waybill init', () => {
  test('what it writes runs', async () => {
    mkdirSync(join(folder.path, 'node_modules'))
    symlinkSync(program.package, join(folder.path, 'node_modules', 'waybill'))
    expect((await start('init', '--language', 'js').ended).code).toBe(0)
    expect((await start('migrate').ended).code).toBe(0)
    const example = program.startNode(['waybill-example.mjs'], folder.path)
    expect(await example.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^order-\d+ is committed/) as string })
    const relay = start('relay')
    await printed(relay, /to the mailer: order\.placed [^]*delivered/)
    relay.process.kill('SIGTERM')
    expect((await relay.ended).code).toBe(0)
  })
})

test('a configuration in TypeScript', async () => {
  writeFileSync(join(folder.path, 'waybill.config.ts'),
    `type Url = string\nconst url: Url = 'sqlite:shop.db'\nexport const config = { url } as const satisfies object`)
  const { code, stdout, stderr } = await start('migrate').ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^migrated sqlite:.*shop\.db\n$/)
})

test.each([
  ['redis', 'redis://localhost:1', ['feed', 'list'], 'redis'],
  ['postgres', 'postgres://localhost:1/x', ['list'], 'pg'],
])('without the package for it, %s is DRIVER_MISSING with what to install', async (store, url, argv, name) => {
  // A place from where nothing is found but what the package itself depends on.
  cpSync(program.package, folder.path, { recursive: true })
  mkdirSync(join(folder.path, 'node_modules'))
  symlinkSync(join(import.meta.dirname, '../../node_modules/commander'), join(folder.path, 'node_modules', 'commander'))
  const cli = program.startNode([join(folder.path, 'dist/cli/main.js'), ...argv, '--url', url], folder.path)
  const { code, stderr } = await cli.ended
  expect([code, stderr]).toEqual([1, `waybill: ${store}({ url }) needs the ${name} package: npm install ${name}\n  next: install it and run this again\n`])
  writeFileSync(join(folder.path, 'own.mjs'), `import { ${store} } from './dist/${store}.js'
try { ${store}({ url: '${url}' }) } catch ({ code, retryable, cause }) { console.log(code, retryable, cause.code) }`)
  expect(await program.startNode(['own.mjs'], folder.path).ended).toMatchObject({ code: 0, stdout: 'DRIVER_MISSING false MODULE_NOT_FOUND\n' })
})

test('a reader that goes away ends the program quietly', async () => {
  const list = start('--help')
  list.process.stdout?.destroy()
  const { stderr } = await list.ended
  expect(stderr).toBe('')
})
