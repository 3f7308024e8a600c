/**
 * Planted secrets, every way in which the program and a relay's logger speak, and none of the first in the second.
 * Payloads are shown by `show`, which is what it is for; nothing else is.
 */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RunnerLogger } from '../../src/runner/log.js'
import { createWaybill } from '../../src/waybill.js'
import { postgresUrl } from '../support/postgres-outbox.js'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'
import type { RunOptions } from './program.js'

const SECRETS = {
  urlPassword: 'Kq3urlPassword',
  urlQueryPassword: 'Kq3queryPassword',
  urlQueryToken: 'Kq3queryToken',
  malformedUrlPassword: 'Kq3@malformed/Password',
  envPassword: 'Kq3envPassword',
  envToken: 'Kq3envToken',
  envKey: 'Kq3envApiKey',
  headerAuthorization: 'Bearer Kq3headerAuthorization1',
  headerCookie: 'session=Kq3headerCookie',
  headerToken: 'Kq3headerToken',
  headerSecret: 'Kq3headerSecret',
  headerKey: 'Kq3headerKey',
  headerUrl: 'Kq3headerUrlPassword',
  payload: 'Kq3payloadCard4242',
  errorUrlPassword: 'Kq3errorUrlPassword',
  errorBearer: 'Kq3error.bearer.1',
  errorWebhookSecret: 'whsec_Kq3MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  errorField: 'Kq3errorFieldValue',
  errorJson: 'Kq3errorJsonValue',
  errorLiveKey: 'sk_live_Kq3a8f5f167f44f4964e6c998dee827110c',
  errorSignedToken: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJLcTMifQ.Kq3c2lnbmF0dXJl',
  errorBasic: 'S3EzOmJhc2ljMTIz',
  configThrown: 'Kq3configThrown',
  configValue: 'Kq3configValue',
} as const
type Secret = keyof typeof SECRETS

const ERROR_TEXT = [
  `HTTP 500 from https://shop:${SECRETS.errorUrlPassword}@api.example/orders`, `authorization: Bearer ${SECRETS.errorBearer}`,
  SECRETS.errorWebhookSecret, `password=${SECRETS.errorField}`, `body {"clientSecret":"${SECRETS.errorJson}","code":7}`,
  SECRETS.errorLiveKey, SECRETS.errorSignedToken, `Basic ${SECRETS.errorBasic}`, `key ${SECRETS.envKey} refused`,
].join(' | ')
const ENV = {
  PGPASSWORD: SECRETS.envPassword, SHOP_TOKEN: SECRETS.envToken, SHOP_API_KEY: SECRETS.envKey,
  DATABASE_URL: `postgres://shop:${SECRETS.urlPassword}@127.0.0.1:1/shop?password=${SECRETS.urlQueryPassword}&token=${SECRETS.urlQueryToken}`,
}
const HEADERS = {
  'authorization': SECRETS.headerAuthorization, 'cookie': SECRETS.headerCookie, 'x-shop-token': SECRETS.headerToken,
  'webhook-secret': SECRETS.headerSecret, 'x-api-key': SECRETS.headerKey, 'trace': 'plain',
  'reply-to': `https://u:${SECRETS.headerUrl}@shop.example`,
}

/** In text, and as it would be inside JSON. */
function found(text: string, allowed: readonly Secret[] = []): string[] {
  return Object.entries(SECRETS)
    .filter(([name]) => !allowed.includes(name as Secret))
    .filter(([, value]) => text.includes(value) || text.includes(value.replace(/^(?:Bearer |session=)/, '')))
    .map(([name]) => name)
}

const MODES = [[], ['--json'], ['--verbose'], ['--json', '--verbose']] as const

describe('nothing secret is printed', () => {
  let shop: MemoryShop
  let refusing: Server
  const files: Record<string, string> = {
    'throws.mjs': `throw new Error('no answer of https://u:${SECRETS.configThrown}@h/x and ${SECRETS.envToken}')`,
    'syntax.mjs': `export const config = { url: 'postgres://u:${SECRETS.configValue}@h/x' `,
    'field.mjs': `export const config = { url: 'postgres://u:${SECRETS.configValue}@127.0.0.1:1/x', pasword: '${SECRETS.configValue}' }`,
    'fine.mjs': `export const config = { url: 'postgres://u:${SECRETS.configValue}@127.0.0.1:1/x' }`,
    'both.mjs': `export const config = { url: 'postgres://u:${SECRETS.configValue}@h/x', store: { outbox: {} } }`,
    'mysql.mjs': `export const config = { url: 'mysql://u:${SECRETS.configValue}@h/x' }`,
  }

  beforeAll(async () => {
    shop = openMemoryShop()
    for (const [name, text] of Object.entries(files)) writeFileSync(join(shop.path, name), text)
    const rich = { headers: HEADERS, payload: { card: SECRETS.payload } }
    await shop.enqueueDead({ ...rich }, [ERROR_TEXT, ERROR_TEXT])
    await shop.enqueue({ ...rich })
    refusing = createServer((socket) => socket.once('data', () => socket.end(refusal()))).listen(0, '127.0.0.1')
    await once(refusing, 'listening')
  })
  afterAll(() => {
    refusing.close()
    shop.remove()
  })

  const port = (): number => (refusing.address() as { port: number }).port
  const password = `shop:${SECRETS.urlPassword}`
  const secretQuery = `password=${SECRETS.urlQueryPassword}&token=${SECRETS.urlQueryToken}`

  type Path = readonly [what: string, argv: () => readonly string[], code: number, env?: Record<string, string>]
  const { DATABASE_URL: _, ...ENV_WITHOUT_URL } = ENV
  const DATABASE_COMMANDS = [
    ['list'], ['show', 'x'], ['stats'], ['migrate'], ['relay'], ['doctor'], ['dead', 'list'], ['dead', 'show', 'x'],
    ['dead', 'redrive', 'x'], ['dead', 'discard', 'x'], ['purge', '--dead-older-than', '7d'], ['pause', '--lane', 'a'],
    ['resume', '--lane', 'a'], ['stats', '--watch', '--count', '1'],
    ['journal', 'streams'], ['journal', 'read'], ['journal', 'append', 's', '--type', 't', '--payload', '1'], ['journal', 'publishers'],
    ['journal', 'prune'],
    ['journal', 'replay', 'p', '--from-start'], ['journal', 'rebase', 'p', '--to', 'head', '--yes'],
  ]
  const URLS: readonly (readonly [string, () => string, number])[] = [
    ['a server that is not there', () => `postgres://${password}@127.0.0.1:1/shop?${secretQuery}`, 1],
    ['a wrong password', () => `postgres://${password}@127.0.0.1:${port()}/shop?sslmode=disable`, 1],
    ['a malformed URL', () => `postgres://shop:${SECRETS.malformedUrlPassword}@:x:/shop`, 1],
    ['another database', () => `mysql://${password}@127.0.0.1/shop?${secretQuery}`, 2],
    ['a file that is not there', () => `sqlite:/nowhere/shop.db?${secretQuery}`, 1],
  ]
  const CONFIGS: readonly (readonly [string, number])[] = [
    ['throws.mjs', 2], ['syntax.mjs', 2], ['field.mjs', 2], ['fine.mjs', 1], ['both.mjs', 2], ['mysql.mjs', 2],
  ]
  const PATHS: readonly Path[] = [
    ...URLS.flatMap(([what, url, code]) => DATABASE_COMMANDS.map((argv): Path =>
      [`${what}: ${argv.join(' ')}`, () => [...argv, '--url', url()], argv[0] === 'relay' && code === 1 && !what.includes('file') ? 2 : code])),
    ...CONFIGS.flatMap(([file, code]) => DATABASE_COMMANDS.map((argv): Path =>
      [`${file}: ${argv.join(' ')}`, () => [...argv, '--config', file], argv[0] === 'relay' ? 2 : code, ENV_WITHOUT_URL])),
    ['an unknown id', () => ['show', `postgres://${password}@h/x`], 1],
    ['an unknown option', () => ['list', `--urk=postgres://${password}@h/x?${secretQuery}`], 2],
    ['a bad value', () => ['list', '--limit', `postgres://${password}@h/x`], 2],
    ['an unknown command', () => [`https://${password}@h/x`], 2],
    ['list', () => ['list'], 0],
    ['stats', () => ['stats'], 0],
    ['dead list', () => ['dead', 'list'], 0],
    ['a redrive of what is not dead', () => ['dead', 'redrive', `x?${secretQuery}`], 1],
    ['doctor', () => ['doctor'], 0],
    ['init', () => ['init', '--force'], 0],
  ]

  test('the tables are as large as they should be', () => {
    expect(Object.keys(SECRETS).length).toBeGreaterThanOrEqual(20)
    expect(PATHS.length).toBeGreaterThan(150)
  })

  const cases = PATHS.map(([what, argv, code, env = ENV]) => [what, argv, code, env] as const)
  test.each(cases)('%s', async (_what, argv, code, env) => {
    for (const mode of MODES) {
      const given = argv()
      const { stdout, stderr, code: exit } = await shop.cli([...given, ...mode, ...(given[0] === 'init' ? ['--store', 'sqlite', '--language', 'js'] : [])], {
        env, onListen: (send) => queueMicrotask(() => send('SIGTERM')),
      })
      expect(found(stdout + stderr), `${stdout}${stderr}`).toEqual([])
      expect(exit, `${stdout}${stderr}`).toBe(code)
    }
  })
})

describe('what is stored', () => {
  let shop: MemoryShop
  beforeAll(() => {
    shop = openMemoryShop()
  })
  afterAll(() => shop.remove())
  const run = async (argv: readonly string[], options: RunOptions = {}): Promise<string> => {
    const { stdout, stderr } = await shop.cli(argv, { env: ENV, ...options })
    return stdout + stderr
  }

  test('is shown without secret headers and errors; the payload is there', async () => {
    const id = await shop.enqueueDead({ headers: HEADERS, payload: { card: SECRETS.payload } }, [ERROR_TEXT, ERROR_TEXT])
    for (const command of [['show'], ['dead', 'show']]) {
      for (const mode of MODES) {
        const text = await run([...command, id, ...mode])
        expect(found(text, ['payload']), text).toEqual([])
        expect(text).toContain(SECRETS.payload)
        for (const shown of ['HTTP 500 from https://shop:***@api.example/orders', 'plain', 'https://u:***@shop.example']) {
          expect(text).toContain(shown)
        }
      }
    }
    expect(await run(['show', id])).toMatch(/header +authorization: \*\*\*\n/)
    for (const mode of MODES) expect(found(await run(['dead', 'redrive', id, ...mode]))).toEqual([])
  })

  test('a relay of the program says nothing of what its handler threw', async () => {
    for (const mode of MODES) {
      await shop.enqueue({ headers: HEADERS, payload: { card: SECRETS.payload }, maxAttempts: 2 })
      writeFileSync(join(shop.path, 'relay.mjs'), `export const config = {
        store: globalThis.waybillTestStores.get(${JSON.stringify(shop.path)}),
        relays: [{ handlers: { mailer: async () => { throw new Error(${JSON.stringify(ERROR_TEXT)}) } }, retry: { baseMs: 1, maxMs: 1 }, pollMaxMs: 20 }],
      }`)
      let send: (signal: 'SIGTERM') => void = () => undefined
      const text = await run(['relay', '--config', 'relay.mjs', ...mode], {
        onListen: (sender) => { send = sender },
        onOutput: (line) => { if (line.includes('dead_lettered')) send('SIGTERM') },
      })
      expect(found(text), text).toEqual([])
      // Of several messages; which comes first is not said.
      expect(text).toMatch(/requeued[^]*HTTP 500 from https:\/\/shop:\*\*\*@api\.example/)
      expect(text).toMatch(/dead_lettered[^]*HTTP 500 from https:\/\/shop:\*\*\*@api\.example/)
    }
  })

  test('a logger hears nothing of it either', async () => {
    const lines: string[] = []
    const log = (message: string, details: object): void => void lines.push(`${message} ${JSON.stringify(details)}`)
    const logger: RunnerLogger = { debug: log, info: log, warn: log, error: log }
    const { waybill } = shop
    await shop.enqueue({ headers: HEADERS, payload: { card: SECRETS.payload }, maxAttempts: 2, target: 'logged' })
    const relay = waybill.relay({
      handlers: { logged: async () => { throw new Error(ERROR_TEXT) } }, retry: { baseMs: 1, maxMs: 1 }, logger,
    })
    const died = new Promise((resolve) => relay.on('deadLettered', resolve))
    await relay.start()
    await died
    await relay.stop()
    expect(lines.join('\n')).toMatch(/trying again[^]*became a dead letter/)
    // A variable of the environment is not known to a library; all else is.
    expect(found(lines.join('\n'), ['envKey'])).toEqual([])
  })

  test('nor of a store that fails', async () => {
    const lines: string[] = []
    const log = (message: string, details: object): void => void lines.push(`${message} ${JSON.stringify(details)}`)
    const broken = openMemoryShop((store) => {
      const outbox = Object.create(store.outbox) as typeof store.outbox
      Object.defineProperty(outbox, 'claim', { value: async () => { throw new Error(ERROR_TEXT) } })
      return { outbox }
    })
    const store = globalThis.waybillTestStores!.get(broken.path)!
    const relay = createWaybill({ store }).relay({
      handlers: { mailer: async () => undefined }, logger: { debug: log, info: log, warn: log, error: log },
    })
    const failed = new Promise((resolve) => relay.on('error', resolve))
    await relay.start()
    await failed
    await relay.stop()
    broken.remove()
    expect(lines.join('\n')).toContain('the store failed')
    expect(found(lines.join('\n'), ['envKey'])).toEqual([])
  })
})

// reason: this platform has no PostgreSQL binaries
describe.skipIf(postgresUrl === null)('a server that refuses', () => {
  test.each([
    ['a schema it does not allow', ['migrate', '--schema', 'pg_waybill']],
    ['a schema that is not there', ['list', '--schema', 'nowhere']],
    ['a schema that is not there, to the doctor', ['doctor', '--schema', 'nowhere']],
  ])('%s', async (_, argv) => {
    const shop = openMemoryShop()
    const url = postgresUrl!.replace(/(\/\/[^@:]*)@/, `$1:${SECRETS.urlPassword}@`)
    for (const mode of MODES) {
      const { stdout, stderr, code } = await shop.cli([...argv, ...mode, '--url', url], { env: ENV })
      expect(found(stdout + stderr), stdout + stderr).toEqual([])
      expect([1, 3]).toContain(code)
    }
    shop.remove()
  })
})

/** What a server sends when the password is wrong; this one repeats it. */
function refusal(): Buffer {
  const fields = ['SFATAL', 'C28P01', `Mpassword authentication failed for postgres://shop:${SECRETS.urlPassword}@db`, '']
  const body = Buffer.from(fields.map((field) => `${field}\0`).join(''))
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}
