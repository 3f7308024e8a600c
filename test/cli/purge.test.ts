import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openMemoryShop, type MemoryShop } from './memory-shop.js'

const HOUR = 3_600_000
let shop: MemoryShop
beforeEach(() => {
  shop = openMemoryShop()
})
afterEach(() => shop.remove())

/** `delivered` messages and as many dead letters with dedupe keys, all of one hour ago. */
async function fill(count: number): Promise<void> {
  const { outbox } = shop.waybill
  shop.setNow(10 * HOUR)
  for (let index = 0; index < count; index += 1) {
    await shop.enqueue({ target: 'billing', dedupeKey: `d-${index}` })
    await shop.enqueueDead({ scope: index % 2 === 0 ? 'even' : 'odd' }, ['no'])
  }
  for (let claim = await outbox.claim({ lane: 'default', target: 'billing', consumer: 'c', limit: 1_000 }); claim !== null;) {
    await outbox.settle(claim.token, claim.messages.map(({ id }) => ({ id, kind: 'ack' })))
    claim = await outbox.claim({ lane: 'default', target: 'billing', consumer: 'c', limit: 1_000 })
  }
  shop.setNow(11 * HOUR)
}

const left = async (): Promise<number> => (await shop.waybill.outbox.list({ limit: 1_000 })).length

describe('purge', () => {
  test('removes what is old enough, and nothing else', async () => {
    await fill(4)
    expect(await shop.json('purge', '--delivered-older-than', '2h', '--dead-older-than', '61m'))
      .toEqual({ delivered: 0, deadLetters: 0, dedupeKeys: 0, dryRun: false, interrupted: false })
    expect(await shop.json('purge', '--dead-older-than', '1h', '--scope', 'odd')).toMatchObject({ deadLetters: 2 })
    expect(await shop.cli(['purge', '--delivered-older-than', '0.5h', '--dead-older-than', '60m', '--dedupe-older-than', '7d']))
      .toMatchObject({ code: 0, stdout: '4 delivered, 2 dead, 0 dedupe keys removed\n' })
    expect(await shop.json('purge', '--dedupe-older-than', '1h')).toMatchObject({ dedupeKeys: 4 })
    expect(await left()).toBe(0)
  })

  test('repeats until all are gone', async () => {
    await fill(25)
    const { code, stdout, stderr } = await shop.cli(['purge', '--dead-older-than', '0s', '--delivered-older-than', '0s', '--limit', '10'])
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '25 delivered, 25 dead, 0 dedupe keys removed\n', stderr: '' })
  })

  test('a dry run counts and removes nothing', async () => {
    await fill(5)
    expect(await shop.json('purge', '--dead-older-than', '1h', '--dry-run'))
      .toEqual({ delivered: 0, deadLetters: 5, dedupeKeys: 0, dryRun: true, more: false })
    expect((await shop.cli(['purge', '--dead-older-than', '1h', '--dry-run', '--limit', '3'])).stdout)
      .toBe('0 delivered, 3 dead, 0 dedupe keys would go, or more: a count ends at the limit\n')
    expect(await left()).toBe(10)
  })

  test('a signal ends it after the transaction under way', async () => {
    await fill(5)
    const { code, stdout } = await shop.cli(['purge', '--dead-older-than', '1h', '--limit', '2'], {
      onListen: (send) => queueMicrotask(() => send('SIGINT')),
    })
    expect({ code, stdout }).toEqual({ code: 130, stdout: '0 delivered, 2 dead, 0 dedupe keys removed, interrupted\n' })
  })

  test.each([
    ['nothing asked for', [], /nothing is named/],
    ['a bare number', ['--dead-older-than', '7'], /30m, 12h or 7d/],
    ['no age', ['--dead-older-than', 'week'], /30m, 12h or 7d/],
    ['an age beyond sense', ['--dead-older-than', '99999999d'], /30m, 12h or 7d/],
    ['a limit of 0', ['--dead-older-than', '7d', '--limit', '0'], /from 1 to 100000/],
    ['a blank scope', ['--dead-older-than', '7d', '--scope', ' '], /scope is required/],
  ])('%s is wrong usage', async (_, argv, message) => {
    await fill(1)
    const { code, stderr } = await shop.cli(['purge', ...argv])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(await left()).toBe(2)
  })
})

describe('long work', () => {
  test('tells on stderr how far it is, and with --json nothing', async () => {
    await fill(6)
    const slow = { tickMs: 3_000 }
    expect((await shop.cli(['purge', '--dead-older-than', '1h', '--limit', '2'], slow)).stderr)
      .toBe('0 delivered, 2 dead, 0 dedupe keys removed so far\n0 delivered, 4 dead, 0 dedupe keys removed so far\n'
        + '0 delivered, 6 dead, 0 dedupe keys removed so far\n')
    expect((await shop.cli(['purge', '--delivered-older-than', '1h', '--limit', '2', '--json'], slow)).stderr).toBe('')
  })
})
