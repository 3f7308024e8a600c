/**
 * The conformance suite of transports. Run it on yours, against a destination of your own making:
 *
 * @example
 * import { test } from 'node:test'
 * import { transportSuite } from 'waybill/testkit'
 *
 * transportSuite({ test, open: () => openMyTransport() })
 */
import assert from 'node:assert/strict'
import { isWaybillError } from '../core/errors.js'
import type { Envelope, Transport } from '../core/transport.js'
import { note } from './note.js'

/** What the destination has received. */
export interface TransportArrival {
  readonly id: string
  readonly type: string
  readonly contentType: string
  readonly payload: Uint8Array
  /** The message's headers, as a receiver can read them back. */
  readonly headers: Readonly<Record<string, string>>
}

/** A transport, and the destination that it delivers to. */
export interface OpenedTransport {
  readonly transport: Transport
  /** In the order they came. */
  arrivals(): readonly TransportArrival[]
  /** What the destination does from now on: `refuse` says never, `fail` not now, `hang` takes and does not answer. */
  behave(behaviour: 'accept' | 'refuse' | 'fail' | 'hang'): void
  /** Resolves when `count` messages have arrived in all. */
  untilArrived(count: number): Promise<void>
  /** Resolves when the destination has no connection any more. */
  untilDisconnected(): Promise<void>
  /** Frees everything, also when the case has closed the transport already. */
  close(): Promise<void>
}

export interface TransportSuiteOptions {
  /** Of node:test, vitest, jest or mocha. */
  readonly test: (name: string, body: (testContext?: unknown) => Promise<void>) => unknown
  readonly open: () => Promise<OpenedTransport>
}

interface TransportCase {
  readonly id: string
  readonly title: string
  readonly run: (opened: OpenedTransport) => Promise<void>
}

/** Of its own for each delivery, as a relay's are. */
const never = (): AbortSignal => new AbortController().signal

function envelope(changes: Partial<Envelope> = {}): Envelope {
  return {
    id: 'abcdefgh-0000000000001', scope: '', lane: 'default', target: 'default', type: 'note', key: undefined,
    headers: {}, payload: Buffer.from('{}'), contentType: 'application/json', createdAt: 0, attempt: 1,
    claimToken: 'token', ...changes,
  }
}

const PAYLOADS: readonly Uint8Array[] = [
  new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(0, 13, 10, 0, 255, 254, 128, 46), Buffer.from('{"ü":"\u2028"}'),
  Uint8Array.from({ length: 65_537 }, (_, index) => index % 251),
]

const CASES: readonly TransportCase[] = [
  {
    id: 'transport-1',
    title: 'resolves once the destination has accepted',
    async run({ transport, arrivals }) {
      await transport.deliver(envelope(), { signal: never() })
      assert.equal(arrivals().length, 1)
      assert.equal(arrivals()[0]?.id, envelope().id)
      assert.equal(arrivals()[0]?.type, 'note')
    },
  },
  {
    id: 'transport-2',
    title: 'does not resolve before the destination has answered',
    async run({ transport, behave, untilArrived }) {
      behave('hang')
      const controller = new AbortController()
      let ended = false
      const delivery = transport.deliver(envelope(), { signal: controller.signal }).finally(() => { ended = true })
      await untilArrived(1)
      assert.equal(ended, false)
      controller.abort()
      await assert.rejects(delivery)
    },
  },
  {
    id: 'transport-3',
    title: 'a refusal is permanent, a failure is not, and neither spoils the next delivery',
    async run({ transport, behave }) {
      behave('refuse')
      await assert.rejects(transport.deliver(envelope(), { signal: never() }), (e) => isWaybillError(e, 'PERMANENT'))
      behave('fail')
      await assert.rejects(transport.deliver(envelope(), { signal: never() }),
        (error) => isWaybillError(error) ? error.retryable : error instanceof Error)
      behave('accept')
      await transport.deliver(envelope(), { signal: never() })
    },
  },
  {
    id: 'transport-4',
    title: 'an aborted signal ends the delivery, also one aborted before',
    async run({ transport, behave, untilArrived, arrivals }) {
      behave('hang')
      const controller = new AbortController()
      const delivery = transport.deliver(envelope(), { signal: controller.signal })
      await untilArrived(1)
      controller.abort()
      await assert.rejects(delivery)
      await assert.rejects(transport.deliver(envelope({ id: 'late' }), { signal: AbortSignal.abort() }))
      behave('accept')
      await transport.deliver(envelope({ id: 'next' }), { signal: never() })
      assert.equal(arrivals().some(({ id }) => id === 'late'), false)
    },
  },
  {
    id: 'transport-5',
    title: 'payloads arrive byte for byte, with their content type',
    async run({ transport, arrivals }) {
      for (const payload of PAYLOADS) {
        await transport.deliver(envelope({ payload, contentType: 'application/x-bytes' }), { signal: never() })
        assert.deepEqual(Buffer.from(arrivals().at(-1)?.payload ?? []), Buffer.from(payload))
        assert.equal(arrivals().at(-1)?.contentType, 'application/x-bytes')
      }
    },
  },
  {
    id: 'transport-6',
    title: 'headers and types arrive, whatever they hold, and none becomes another',
    async run({ transport, arrivals }) {
      const headers = {
        tenant: 'acme', note: 'grüß 100% \r\nx-injected: 1', blank: '  ', host: 'elsewhere', 'content-length': '7',
      }
      await transport.deliver(envelope({ headers, type: 'order.größer\r\nx: 1' }), { signal: never() })
      assert.deepEqual({ ...arrivals()[0]?.headers }, headers)
      assert.equal(arrivals()[0]?.type, 'order.größer\r\nx: 1')
      assert.equal(arrivals()[0]?.payload.length, 2)
    },
  },
  {
    id: 'transport-7',
    title: 'deliveries may overlap, and one that is aborted takes no other with it',
    async run({ transport, arrivals, behave, untilArrived }) {
      const ids = Array.from({ length: 20 }, (_, index) => `message-${index}`)
      const deliver = (id: string): Promise<void> =>
        transport.deliver(envelope({ id, payload: Buffer.from(id) }), { signal: never() })
      await Promise.all(ids.map(deliver))
      assert.deepEqual(arrivals().map(({ id }) => id).sort(), [...ids].sort())
      for (const { id, payload } of arrivals()) assert.equal(Buffer.from(payload).toString(), id)
      behave('hang')
      const controller = new AbortController()
      const hung = transport.deliver(envelope({ id: 'hung' }), { signal: controller.signal })
      await untilArrived(21)
      behave('accept')
      const other = transport.deliver(envelope({ id: 'other' }), { signal: never() })
      controller.abort()
      await assert.rejects(hung)
      await other
    },
  },
  {
    id: 'transport-8',
    title: 'close ends what is under way, leaves no connection, and may be repeated',
    async run({ transport, behave, untilArrived, untilDisconnected }) {
      await transport.deliver(envelope(), { signal: never() })
      behave('hang')
      const delivery = assert.rejects(transport.deliver(envelope(), { signal: never() }))
      await untilArrived(2)
      await transport.close?.()
      await delivery
      await untilDisconnected()
      await transport.close?.()
    },
  },
  {
    id: 'transport-9',
    title: 'a delivery after close is refused with CLOSED',
    async run({ transport, arrivals }) {
      await transport.close?.()
      await assert.rejects(transport.deliver(envelope(), { signal: never() }), (e) => isWaybillError(e, 'CLOSED'))
      assert.equal(arrivals().length, 0)
    },
  },
  {
    id: 'transport-10',
    title: 'has a name',
    async run({ transport }) {
      assert.match(transport.name, /\S/)
    },
  },
]

/** Every case, for tables. */
export const transportCases: readonly { readonly id: string; readonly title: string }[] =
  CASES.map(({ id, title }) => ({ id, title }))

/** Registers a test for each case, named `<id> <title>`. A transport without `close` fails those that close it. */
export function transportSuite({ test, open }: TransportSuiteOptions): void {
  for (const { id, title, run } of CASES) {
    // Rest arguments, because jest and mocha expect of a body with a parameter that it calls back.
    test(`${id} ${title}`, async (...[testContext]) => {
      note(testContext, 'contract', 'transport')
      const opened = await open()
      try {
        await run(opened)
      } finally {
        await opened.close()
      }
    })
  }
}
