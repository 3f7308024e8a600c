import { describe, expect, test } from 'vitest'
import { maskHeaders, maskSecrets, secretValues } from '../../src/core/masking.js'
import { runCli, temporaryFolder } from './program.js'

const SECRET = 'hunter2'

describe('masking', () => {
  test.each([
    [`postgres://shop:${SECRET}@db.example:5432/shop`, 'postgres://shop:***@db.example:5432/shop'],
    [`postgres://:${SECRET}@db/shop`, 'postgres://:***@db/shop'],
    [`postgres://shop:p@ss/${SECRET}@db/shop`, 'postgres://shop:***@db/shop'],
    [`postgresql://db/shop?user=a&password=${SECRET}&sslmode=require`, 'postgresql://db/shop?user=a&password=***&sslmode=require'],
    [`could not connect to "amqp://u:${SECRET}@h": refused`, 'could not connect to "amqp://u:***@h": refused'],
    [`shop:${SECRET}@db.example/shop`, 'shop:***@db.example/shop'],
    [`host=db password=${SECRET} user=a`, 'host=db password=*** user=a'],
  ])('%s', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked)
  })

  test.each([
    [`Authorization: Bearer ${SECRET}.1`, 'Authorization: Bearer ***'],
    [`{"clientSecret":"${SECRET}","code":7}`, '{"clientSecret":"***","code":7}'],
    [`{\\"password\\":\\"${SECRET}\\"}`, '{\\"password\\":\\"***\\"}'],
    [`api_key: ${SECRET}, retry`, 'api_key: ***, retry'],
    ['with whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw refused', 'with *** refused'],
    ['key sk_live_4eC39HqLyjWDarjtT1zdp7dc', 'key ***'],
    ['token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ended', 'token *** ended'],
    ['AKIAIOSFODNN7EXAMPLE may not', '*** may not'],
  ])('%s is masked', (text, masked) => {
    expect(maskSecrets(text)).toBe(masked)
  })

  test('values that are known are masked wherever they stand, the longest first', () => {
    const values = secretValues({ SHOP_TOKEN: 'abcdef', API_KEY: 'abcdefgh', PATH: '/usr/bin', DB_PASSWORD: 'short' })
    expect(values).toEqual(['abcdefgh', 'abcdef'])
    expect(maskSecrets('xabcdefghx abcdef short', values)).toBe('x***x *** short')
  })

  test('headers by their name', () => {
    const headers = { 'Authorization': 'a', 'Set-Cookie': 'b', 'X-Api-Key': 'c', 'shop_secret': 'd', 'webhook-signature': 'e',
      'trace': 'f', 'monkey': 'g', 'reply-to': `https://u:${SECRET}@h` }
    expect(maskHeaders(headers)).toEqual({ 'Authorization': '***', 'Set-Cookie': '***', 'X-Api-Key': '***', 'shop_secret': '***',
      'webhook-signature': '***', 'trace': 'f', 'monkey': 'g', 'reply-to': 'https://u:***@h' })
  })

  test.each(['basic authentication failed', 'Unexpected token < in JSON', 'a task_queue_of_many_messages', 'lost claim tokens: 3',
    'sk_short'])('%s says nothing secret', (text) => expect(maskSecrets(text)).toBe(text))

  test('long text is masked in time', () => {
    const started = performance.now()
    for (const text of ['x'.repeat(20_000), 'a.'.repeat(10_000), '://'.repeat(7_000), 'password'.repeat(2_500), '"secret":"'.repeat(2_000)]) {
      maskSecrets(text)
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  test.each(['postgres://shop@db:5432/shop', 'sqlite:/srv/shop.db', 'mail to a@b.example at 12:30', 'C:\\shop\\a.db'])(
    '%s stays', (text) => expect(maskSecrets(text)).toBe(text))

  const urls = [
    `postgres://shop:${SECRET}@127.0.0.1:1/shop`, `postgres://shop:${SECRET}@`, `postgres://shop:%${SECRET}@127.0.0.1:1/x`,
    `mysql://shop:${SECRET}@127.0.0.1/shop`, `shop:${SECRET}@127.0.0.1/shop`, `postgres:/shop:${SECRET}@127.0.0.1:1/x`,
    `sqlite:/nowhere/shop.db?password=${SECRET}`,
  ]
  test.each(urls.flatMap((url) => [['list'], ['migrate'], ['relay'], ['show', 'id']].map((argv) => [url, argv] as const)))(
    'no command prints the password of %s: %s', async (url, argv) => {
      const folder = temporaryFolder()
      try {
        for (const options of [[], ['--json'], ['--verbose']]) {
          const { stdout, stderr, code } = await runCli([...argv, '--url', url, ...options], { cwd: folder.path })
          expect(stdout + stderr).not.toContain(SECRET)
          expect(code).toBeGreaterThan(0)
          const fromEnv = await runCli([...argv, ...options], { cwd: folder.path, env: { DATABASE_URL: url } })
          expect(fromEnv.stdout + fromEnv.stderr).not.toContain(SECRET)
        }
      } finally {
        folder.remove()
      }
    })
})
