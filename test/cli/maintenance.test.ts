import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
let shop: MemoryShop
beforeEach(() => {
  shop = openMemoryShop()
})
afterEach(() => shop.remove())

/** Two dead letters, one heap entry and one inbox record, all of 8 days ago. */
async function fill(): Promise<void> {
  shop.setNow(10 * HOUR)
  await shop.enqueueDead({}, ['no'])
  await shop.enqueueDead({}, ['no'])
  await shop.waybill.heap('mailer').recordFailure('a')
  await shop.waybill.inbox.processAlone('billing', 'm-1', () => undefined)
  shop.setNow(10 * HOUR + 8 * DAY)
}

describe('maintenance', () => {
  test('one pass, told as a table', async () => {
    await fill()
    const { code, stdout, stderr } = await shop.cli(['maintenance', '--once', '--heap-older-than', 'never'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^kind +older than +removed +overdue +note\n/)
    expect(stdout).toMatch(/^dead letters +7d +2 +-$/m)
    expect(stdout).toMatch(/^inbox records +7d +1 +-$/m)
    expect(stdout).not.toMatch(/heap/)
    expect(stdout.split('\n').at(-2)).toBe('3 removed')
  })

  test('a dry run tells what would go, and how overdue it is', async () => {
    await fill()
    const report = await shop.json('maintenance', '--dry-run')
    expect(report).toMatchObject({ state: 'done', dryRun: true, removed: 4 })
    expect(report).toMatchObject({
      kinds: expect.arrayContaining([expect.objectContaining({
        kind: 'deadLetters', removed: 2, more: false, caughtUp: false, olderThanMs: 7 * DAY, error: null,
      })]) as unknown,
    })
    expect(await shop.json('maintenance', '--once')).toMatchObject({ removed: 4, dryRun: false })
  })

  test('runs until a signal comes', async () => {
    await fill()
    const { code, stdout } = await shop.cli(['maintenance', '--json'], {
      onListen: (send) => setTimeout(() => send('SIGTERM'), 100),
    })
    expect(code).toBe(0)
    expect(JSON.parse(stdout.split('\n')[0] ?? '')).toMatchObject({ state: 'done', removed: 4 })
  })
})

describe('purge of all kinds', () => {
  test('a dry run that names none counts all at their default ages', async () => {
    await fill()
    expect(await shop.json('purge', '--dry-run')).toMatchObject({ dryRun: true, removed: 4 })
    const { stdout } = await shop.cli(['purge', '--dry-run'])
    expect(stdout).toMatch(/^dead letters +7d +2 +2[34](?:\.\d)?h$|^dead letters +7d +2 +1d$/m)
  })

  test('removes those that are named and nothing else', async () => {
    await fill()
    expect(await shop.json('purge', '--inbox-older-than', '8d', '--dead-older-than', '9d')).toMatchObject({ removed: 1 })
    expect(await shop.json('purge', '--heap-older-than', '8d')).toMatchObject({
      removed: 1, kinds: [{ kind: 'heapEntries', removed: 1 }],
    })
    expect(await shop.waybill.outbox.list()).toHaveLength(2)
  })

  test.each([
    ['a scope', ['--inbox-older-than', '8d', '--scope', 'a'], /--scope is for messages/],
    ['never', ['--inbox-older-than', 'never'], /30m, 12h or 7d/],
  ])('%s is wrong usage', async (_, argv, message) => {
    const { code, stderr } = await shop.cli(['purge', ...argv])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })
})
