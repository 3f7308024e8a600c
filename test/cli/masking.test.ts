import { describe, expect, test } from 'vitest'
import { maskSecrets } from '../../src/core/masking.js'
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
