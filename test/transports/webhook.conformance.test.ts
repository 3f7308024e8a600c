import { describe, expect, test } from 'vitest'
import { transportCases, transportSuite, type OpenedTransport, type TransportArrival } from '../../src/testkit/index.js'
import { webhook, type WebhookOptions } from '../../src/webhook.js'
import { accept, answer, Receiver, type Arrival, type Scheme } from './receiver.js'

function arrivalOf({ headers, body }: Arrival): TransportArrival {
  const prefix = 'waybill-header-'
  return {
    id: String(headers['webhook-id']), type: decodeURIComponent(String(headers['waybill-type'])),
    contentType: String(headers['content-type']), payload: body,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), decodeURIComponent(String(value))])),
  }
}

const open = (scheme: Scheme, options: Partial<WebhookOptions> = {}) => async (): Promise<OpenedTransport> => {
  const receiver = await Receiver.start(scheme)
  const transport = webhook(receiver.options(options))
  return {
    transport,
    arrivals: () => receiver.arrivals.map(arrivalOf),
    behave(behaviour) {
      const behaviours = { accept, refuse: answer(410), fail: answer(500), hang: () => undefined }
      receiver.behaviour = behaviours[behaviour]
    },
    untilArrived: (count) => receiver.untilArrived(count),
    untilDisconnected: () => receiver.untilDisconnected(),
    async close() {
      await transport.close()
      await receiver.close()
    },
  }
}

describe('http/1.1', () => transportSuite({ test, open: open('http') }))

describe('http/1.1 on one connection', () => transportSuite({ test, open: open('http', { maxSockets: 2 }) }))

describe('http/1.1 over TLS', () => transportSuite({ test, open: open('https') }))

describe('http/2', () => transportSuite({ test, open: open('h2') }))

test('every case has an id and a title of its own', () => {
  expect(new Set(transportCases.map(({ id }) => id)).size).toBe(transportCases.length)
  expect(new Set(transportCases.map(({ title }) => title)).size).toBe(transportCases.length)
})
