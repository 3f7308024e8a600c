import { describe, expect, test } from 'vitest'
import { judge, retryAfterMs } from '../../src/transports/webhook/answer.js'
import { webhook } from '../../src/webhook.js'
import { answer, context, envelope, failureOf, Receiver } from './receiver.js'

const NOW = Date.UTC(2026, 0, 1)

function outcome(status: number, retryAfter?: string): object {
  try {
    judge({ status, retryAfter }, 'hooks.test:443', NOW)
  } catch (error) {
    return error as object
  }
  return { code: 'delivered' }
}

const every = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index)

describe('what a status means', () => {
  test('2xx is delivered', () => {
    for (const status of every(200, 299)) expect(outcome(status, '5')).toEqual({ code: 'delivered' })
  })

  test('3xx is permanent and says why', () => {
    for (const status of every(300, 399)) {
      expect(outcome(status, '5')).toMatchObject({ code: 'PERMANENT', message: expect.stringContaining('redirects are not followed') })
    }
  })

  test('4xx is permanent, but for 408, 425 and 429', () => {
    for (const status of every(400, 499)) {
      if ([408, 425, 429].includes(status)) continue
      expect(outcome(status, '5'), `${status}`).toMatchObject({ code: 'PERMANENT', retryable: false, details: { status } })
    }
  })

  test('408, 425 and 5xx are retried, throttled with Retry-After; 429 is throttled', () => {
    for (const status of [408, 425, ...every(500, 599)]) {
      expect(outcome(status)).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true })
      expect(outcome(status, 'soon')).toMatchObject({ code: 'DELIVERY_FAILED' })
      expect(outcome(status, '7')).toMatchObject({ code: 'THROTTLED', details: { retryAfterMs: 7_000 } })
    }
    expect(outcome(429)).toMatchObject({ code: 'THROTTLED', details: { retryAfterMs: 30_000 } })
    expect(outcome(429, 'soon')).toMatchObject({ code: 'THROTTLED', details: { retryAfterMs: 30_000 } })
    expect(outcome(429, '7')).toMatchObject({ code: 'THROTTLED', details: { retryAfterMs: 7_000 } })
  })

  test('what is no status is retried', () => {
    for (const status of [0, 101, 199]) expect(outcome(status)).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true })
  })
})

test.each([
  ['0', 1_000], ['1', 1_000], ['2', 2_000], [' 120 ', 120_000], ['86400', 86_400_000], ['86401', 86_400_000], ['999999999999999', 86_400_000],
  ['Thu, 01 Jan 2026 00:01:00 GMT', 60_000], ['Thursday, 01-Jan-26 00:01:00 GMT', 60_000], ['Thu Jan  1 00:01:00 2026', 60_000],
  ['Wed, 31 Dec 2025 23:59:00 GMT', 1_000], ['Thu, 01 Jan 2099 00:00:00 GMT', 86_400_000],
  ['', undefined], ['-1', undefined], ['1.5', undefined], ['1e3', undefined], ['0x10', undefined], ['soon', undefined],
  ['9999999999999999', undefined], ['Thu, 99 Foo 2026 00:00:00 GMT', undefined], ['2026-01-01T00:01:00Z', undefined],
  ['Thu, 01 Jan 2026 00:01:00 +0100', undefined], ['1, 2', undefined], [undefined, undefined],
])('Retry-After %o is %o ms', (text, expected) => {
  expect(retryAfterMs(text, NOW)).toBe(expected)
})

test.each(['http', 'h2'] as const)('%s: Retry-After reaches the relay', async (scheme) => {
  const receiver = await Receiver.start(scheme)
  const transport = webhook(receiver.options({ now: () => NOW }))
  receiver.behaviour = answer(503, { 'retry-after': 'Thu, 01 Jan 2026 00:10:00 GMT' })
  expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'THROTTLED', details: { retryAfterMs: 600_000 } })
  receiver.behaviour = answer(302, { location: 'http://169.254.169.254/' })
  expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'PERMANENT' })
  expect(receiver.arrivals).toHaveLength(2)
  await transport.close()
  await receiver.close()
})
