import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import { isWaybillError } from '../../src/core/errors.js'
import { seededRandom, type SeededRandom } from '../../src/testkit/index.js'
import { AddressPolicy } from '../../src/transports/webhook/address-policy.js'
import { parseDestination } from '../../src/transports/webhook/destination.js'
import { Dialer, type Dial } from '../../src/transports/webhook/dialer.js'
import { Webhook } from '../../src/transports/webhook/webhook-transport.js'
import type { WebhookLookup } from '../../src/webhook.js'
import { BAD_URLS, NAMES, REFUSED_ADDRESSES, REFUSED_HOSTS, USABLE_ADDRESSES } from './address-cases.js'
import { isInside } from './address-oracle.js'
import { context, envelope, failureOf, Receiver, SECRET } from './receiver.js'

const policy = new AddressPolicy()

/** A socket that fails as soon as it may, after its address was noted. */
function failingDial(dialled: string[]): Dial {
  return (address) => {
    dialled.push(address)
    const socket = new EventEmitter() as unknown as Socket
    const destroy = (): Socket => socket
    Object.assign(socket, { destroy, setTimeout: destroy })
    queueMicrotask(() => socket.emit('error', Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })))
    return socket
  }
}

test('there are enough cases', () => {
  const cases = [REFUSED_ADDRESSES, USABLE_ADDRESSES, REFUSED_HOSTS, BAD_URLS, NAMES]
  expect(cases.reduce((sum, each) => sum + each.length, 0)).toBeGreaterThanOrEqual(300)
})

describe('addresses', () => {
  test.each(REFUSED_ADDRESSES)('%s is refused', (address) => {
    expect(policy.refusal(address)).toEqual(expect.any(String))
  })

  test.each(USABLE_ADDRESSES)('%s may be dialled', (address) => {
    expect(policy.refusal(address)).toBeUndefined()
  })

  test('an allowed range is allowed, and nothing beside it', () => {
    const some = new AddressPolicy(['127.0.0.0/8', '10.1.2.3', 'fd00:1::/32', '::1'])
    const may = ['127.0.0.1', '127.255.255.255', '10.1.2.3', '::ffff:127.0.0.1', '64:ff9b::10.1.2.3', 'fd00:1::5', '::1']
    for (const address of may) expect(some.refusal(address), address).toBeUndefined()
    for (const address of ['126.0.0.0', '10.1.2.4', 'fd00:2::5', '::2', '::127.0.0.1', 'fd00:1::5%eth0']) {
      expect(some.refusal(address) === undefined, address).toBe(address === '126.0.0.0')
    }
  })

  test.each(['', 'x', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/8/8', '::/129', 'fe80::1%eth0', '10/8', '1.2.3.4/ 8'])(
    'allowAddresses refuses %o', (range) => {
      expect(() => new AddressPolicy([range])).toThrow(expect.objectContaining({ code: 'VALIDATION' }))
    })
})

describe('urls', () => {
  async function dialOf(url: string, answers: readonly string[] = ['127.0.0.1']): Promise<[string[], Error & { code?: string }]> {
    const dialled: string[] = []
    const transport = new Webhook({
      url: () => url, secrets: [SECRET], allowHttp: true,
      lookup: async () => answers.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    }, failingDial(dialled))
    return [dialled, await failureOf(transport.deliver(envelope(), context()))]
  }

  test.each(REFUSED_HOSTS)('http://%s/ is never dialled', async (host) => {
    const [dialled, error] = await dialOf(`http://${host}/hook`)
    expect(dialled).toEqual([])
    expect(error.code).toBe('PERMANENT')
  })

  test.each(BAD_URLS)('%o is no usable url', async (url) => {
    const [dialled, error] = await dialOf(url, ['93.184.216.34'])
    expect(dialled).toEqual([])
    expect(error.code).toBe('PERMANENT')
    expect(() => new Webhook({ url, secrets: [SECRET], allowHttp: true }, failingDial([])))
      .toThrow(expect.objectContaining({ code: 'VALIDATION' }))
  })

  test.each(NAMES)('%s is asked for, and what it resolves to is checked', async (name) => {
    expect(await dialOf(`https://${name}/`)).toEqual([[], expect.objectContaining({ code: 'ADDRESS_REFUSED', retryable: true })])
    const [dialled, error] = await dialOf(`https://${name}/`, ['93.184.216.34'])
    expect(dialled).toEqual(['93.184.216.34'])
    expect(error).toMatchObject({ code: 'DELIVERY_FAILED', retryable: true, details: { reason: 'ECONNREFUSED' } })
  })

  test('plain http needs allowHttp', async () => {
    const transport = new Webhook({ url: () => 'http://hooks.test/', secrets: [SECRET] }, failingDial([]))
    expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'PERMANENT' })
  })
})

describe('names', () => {
  test('of mixed answers only those that may be dialled are, in order', async () => {
    const dialled: string[] = []
    const answers = ['10.0.0.1', '93.184.216.34', '::1', '2606:4700::1', '169.254.169.254', '8.8.8.8']
    const dialer = dialerOf(failingDial(dialled), async () => answers.map((address) => ({ address, family: 4 })))
    await failureOf(dialer.open(parseDestination('https://hooks.test/', false), ['h2'], new AbortController().signal))
    expect(dialled).toEqual(['93.184.216.34', '2606:4700::1', '8.8.8.8'])
  })

  test.each([[[]], [[{}]], [[null]], [[{ address: 5 }]], [[{ address: 'hooks.test' }]], [null], ['127.0.0.1'], [{}]])(
    'a resolver that answers %o leads nowhere', async (answers) => {
      const dialled: string[] = []
      const dialer = dialerOf(failingDial(dialled), async () => answers as never)
      const error = await failureOf(
        dialer.open(parseDestination('https://hooks.test/', false), ['h2'], new AbortController().signal))
      expect(isWaybillError(error)).toBe(true)
      expect(dialled).toEqual([])
    })

  test('a name that first leads outside and then inside is dialled outside only', async () => {
    const receiver = await Receiver.start()
    let lookups = 0
    const dialled: string[] = []
    const lookup: WebhookLookup = async () => {
      lookups += 1
      return [{ address: lookups === 1 ? '93.184.216.34' : '127.0.0.1', family: 4 }]
    }
    const transport = new Webhook(receiver.options({ allowAddresses: [], lookup }), failingDial(dialled))
    expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'DELIVERY_FAILED' })
    expect(lookups).toBe(1)
    expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'ADDRESS_REFUSED' })
    expect(dialled).toEqual(['93.184.216.34'])
    expect(receiver.connections).toBe(0)
    await receiver.close()
  })

  test('a socket that ends up inside is destroyed before a byte is sent', async () => {
    const receiver = await Receiver.start()
    const bytes: number[] = []
    let socket: Socket | undefined
    const detour: Dial = () => {
      socket = new Socket()
      socket.on('close', () => bytes.push(socket?.bytesWritten ?? -1))
      return socket.connect(receiver.port, '127.0.0.1')
    }
    const lookup: WebhookLookup = async () => [{ address: '93.184.216.34', family: 4 }]
    const transport = new Webhook(receiver.options({ allowAddresses: [], lookup }), detour)
    expect(await failureOf(transport.deliver(envelope(), context()))).toMatchObject({ code: 'ADDRESS_REFUSED' })
    await transport.close()
    expect(socket?.destroyed).toBe(true)
    expect(bytes).toEqual([0])
    expect(receiver.arrivals).toHaveLength(0)
    await receiver.close()
  })

  test('a server on this machine gets no connection unless it is allowed', async () => {
    const receiver = await Receiver.start()
    const { port } = receiver
    const hosts = ['127.0.0.1', 'localhost', '127.1', '0', '0.0.0.0', '[::1]', '[::ffff:127.0.0.1]', '2130706433', 'foo.localhost']
    for (const host of hosts) {
      const { lookup: _, ...options } = receiver.options({ allowAddresses: [], url: () => `http://${host}:${port}/` })
      await using transport = new Webhook(options, (address, to) => new Socket().connect(to, address))
      expect(isWaybillError(await failureOf(transport.deliver(envelope(), context()))), host).toBe(true)
    }
    expect(receiver.connections).toBe(0)
    const { lookup: _, ...options } = receiver.options({ url: `http://127.0.0.1:${port}/` })
    await using transport = new Webhook(options, (address, to) => new Socket().connect(to, address))
    await transport.deliver(envelope(), context())
    expect(receiver.connections).toBe(1)
    await transport.close()
    await receiver.close()
  })
})

function dialerOf(dial: Dial, lookup: WebhookLookup): Dialer {
  return new Dialer({ policy, lookup, tls: {}, dial })
}

describe('fuzz', () => {
  const PIECES = [
    'http', 'https', 'HTTPS', 'ftp', ':', '://', '//', '/', '\\', '@', '#', '?', '%', '[', ']', '.', '。', '．', '127.0.0.1', '10.0.0.1',
    '169.254.169.254', '8.8.8.8', '93.184.216.34', '::', '::1', '::ffff:', '64:ff9b::', '2002:', 'fe80::', '2606:4700::1', '0x', '0177',
    '2130706433', 'localhost', 'hooks.test', 'user', '%2e', '%00', '%31', '\t', '\n', ' ', '１２７', 'ⓛ', '0', '1', '255', ':80', ':0',
    '\u0000', '\u200b', '\ud800', 'xn--', '-', '_',
  ]

  const address = (random: SeededRandom): string => {
    const bytes = Array.from({ length: 4 }, () => random.pick([0, 1, 10, 127, 169, 172, 192, 254, 255, random.integer(0, 255)]))
    const forms = [bytes.join('.'), `0x${Buffer.from(bytes).toString('hex')}`, String(Buffer.from(bytes).readUInt32BE()),
      bytes.map((byte) => `0${byte.toString(8)}`).join('.'), `[::ffff:${bytes.join('.')}]`, `[64:ff9b::${bytes.join('.')}]`,
      `[::${bytes.join('.')}]`, `[2002:${Buffer.from(bytes).toString('hex').replace(/(....)/, '$1:')}::1]`,
      `[${Array.from({ length: 8 }, () => random.pick(['0', '1', 'ffff', 'fe80', 'fd00', '2001', random.integer(0, 65_535).toString(16)])).join(':')}]`]
    return random.pick(forms)
  }

  const url = (random: SeededRandom): string => {
    if (random.next() < 0.3) return Array.from({ length: random.integer(1, 12) }, () => random.pick(PIECES)).join('')
    const text = `${random.pick(['http', 'https'])}://${random.next() < 0.7 ? address(random) : 'hooks.test'}${random.pick(['', '.', ':8080', '/hook'])}`
    if (random.next() < 0.6) return text
    const at = random.integer(0, text.length)
    return text.slice(0, at) + random.pick(PIECES) + text.slice(at + random.integer(0, 2))
  }

  test('of 100,000 urls none leads to a connection inside', async () => {
    const random = seededRandom(20_260_101)
    const dialled: string[] = []
    const answers = [...REFUSED_ADDRESSES, ...USABLE_ADDRESSES]
    const dialer = dialerOf(failingDial(dialled), async () =>
      Array.from({ length: random.integer(0, 3) }, () => ({ address: random.pick(answers), family: 4 })))
    const { signal } = new AbortController()
    let usable = 0
    for (let round = 0; round < 100_000; round += 1) {
      const text = url(random)
      try {
        const destination = parseDestination(text, true)
        usable += 1
        await dialer.open(destination, ['h2'], signal)
        expect.unreachable(text)
      } catch (error) {
        if (!isWaybillError(error)) throw new Error(JSON.stringify(text), { cause: error })
      }
    }
    expect(usable).toBeGreaterThan(30_000)
    expect(dialled.length).toBeGreaterThan(5_000)
    expect(dialled.filter(isInside)).toEqual([])
  }, 120_000)

  test('whole deliveries to fuzzed urls throw nothing but a WaybillError', async () => {
    const random = seededRandom(7)
    const dialled: string[] = []
    const transport = new Webhook({
      url: () => url(random), secrets: [SECRET], allowHttp: true, lookup: async () => [{ address: random.pick(REFUSED_ADDRESSES), family: 4 }],
    }, failingDial(dialled))
    for (let round = 0; round < 3_000; round += 1) {
      expect(isWaybillError(await failureOf(transport.deliver(envelope(), context())))).toBe(true)
    }
    expect(dialled.filter(isInside)).toEqual([])
  })
})
