import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FeedHandler } from '../../src/feeds/http-handler.js'
import { toNodeListener } from '../../src/feeds/node-listener.js'
import { sqlite } from '../../src/sqlite.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import { temporaryFolder } from '../cli/program.js'
import { chromiumMissing, startChromium } from '../support/chromium.js'
import { FOLLOW_PAGE } from './follow-page.js'

const missing = chromiumMissing()
if (missing !== undefined) console.warn(`No browser follows a feed: ${missing}`)

interface Seen {
  readonly opens: number
  readonly errors: number
  readonly resets: readonly string[]
  readonly snapshots: number
  readonly sequences: readonly string[]
  readonly last: string
}

const RETRY_MS = 30

const POLL_MS = 20

type Shop = ReturnType<typeof openShop>

function openShop(path: string): ReturnType<typeof createWaybill> {
  const store: Store = sqlite({ path })
  return createWaybill({ store })
}

/**
 * The page and the feed, under one port over all restarts. The server opens the database anew each time; the producer
 * has a connection of its own, so that only polls tell the server of commits.
 */
class Site {
  readonly #folder = temporaryFolder()
  readonly #capacity: number
  readonly #producer = openShop(this.#path)
  readonly #sockets = new Set<Socket>()
  #shop: Shop | undefined
  #server: Server | undefined
  #handler: FeedHandler | undefined
  #port = 0

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get #path(): string {
    return join(this.#folder.path, 'shop.db')
  }

  get feed(): ReturnType<Shop['feed']> {
    return this.#feedOf(this.#producer)
  }

  #feedOf(shop: Shop): ReturnType<Shop['feed']> {
    return shop.feed('orders', { capacity: this.#capacity, key: ({ id }: { id: number }) => id })
  }

  async migrate(): Promise<void> {
    await this.#producer.migrate()
  }

  async reset(): Promise<void> {
    await this.#producer.transaction((tx) => this.feed.reset(tx))
  }

  async close(): Promise<void> {
    await this.stop({ gently: true })
    await this.#producer.close()
    this.#folder.remove()
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/`
  }

  async start(): Promise<void> {
    this.#shop = openShop(this.#path)
    const handler = this.#feedOf(this.#shop).handler({ retryMs: RETRY_MS, pollMaxMs: POLL_MS })
    this.#handler = handler
    const server = createServer(toNodeListener((request) => (
      new URL(request.url).pathname === '/feed' ? handler(request)
        : new Response(FOLLOW_PAGE, { headers: { 'content-type': 'text/html' } }))))
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    this.#server = server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    this.#port = (server.address() as AddressInfo).port
  }

  /** As a network does: resets, wherever in an event that is. */
  breakConnections(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async stop({ gently }: { gently: boolean }): Promise<void> {
    const server = this.#server!
    const closed = new Promise((resolve) => { server.close(resolve) })
    if (!gently) this.breakConnections()
    await this.#handler!.close()
    server.closeAllConnections()
    await closed
    expect(this.#handler!.connections).toBe(0)
    await this.#shop!.close()
  }

  async update(from: number, to: number): Promise<void> {
    for (let number = from; number <= to; number += 1) {
      await this.feed.commitAlone(number % 5 === 0 ? [{ op: 'delete', key: number % 7 }]
        : [{ op: 'update', after: { id: number % 7, total: number, text: 'x'.repeat(number % 300) } }])
    }
  }

  async rows(): Promise<[string, unknown][]> {
    const rows: [string, unknown][] = []
    for await (const { signature, value } of (await this.feed.snapshot())!.rows) rows.push([String(signature), value])
    return rows.toSorted()
  }

  /** Resolves when the page has what the feed has, by the feed's last number. */
  async settled(page: Page): Promise<Seen> {
    const { incarnation, sequence } = (await this.feed.state())!
    await page.waitForFunction(`seen.last === '${incarnation}:${sequence}'`)
    const rows = await page.evaluate<[string, unknown][]>('[...rows]')
    expect(rows.toSorted()).toEqual(await this.rows())
    return await page.evaluate<Seen>('seen')
  }
}

// reason: there may be no browser; WAYBILL_CI requires one.
describe.skipIf(missing !== undefined)('a browser follows a feed [skipped without Chromium]', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await startChromium()
  })
  afterAll(() => browser?.close())

  async function openSite(capacity: number): Promise<Site> {
    const site = new Site(capacity)
    await site.migrate()
    return site
  }

  async function openPage(site: Site): Promise<Page> {
    const page = await browser.newPage()
    await page.goto(site.url)
    await page.waitForFunction('seen.snapshots === 1')
    return page
  }

  test('through broken connections and restarts of the server, each result once, without another snapshot', async () => {
    const site = await openSite(1_000)
    await site.update(1, 20)
    await site.start()
    const page = await openPage(site)
    for (let round = 0; round < 6; round += 1) {
      const from = 21 + round * 40
      const { opens } = await page.evaluate<Seen>('seen')
      const writing = site.update(from, from + 38)
      if (round % 2 === 0) site.breakConnections()
      else {
        await site.stop({ gently: round === 1 })
        await writing
        await site.start()
      }
      await writing
      await page.waitForFunction(`seen.opens > ${opens}`)
      await site.update(from + 39, from + 39)
      await site.settled(page)
    }
    const seen = await site.settled(page)
    expect(seen.sequences).toEqual(Array.from({ length: 240 }, (_, index) => String(index + 21)))
    expect([seen.snapshots, seen.resets, seen.opens >= 7, seen.errors >= 6]).toEqual([1, [], true, true])
    await page.close()
    await site.close()
  })

  test('away for longer than results are kept, and the feed begun anew: told so, and all rows again', async () => {
    const site = await openSite(10)
    await site.update(1, 20)
    await site.start()
    const page = await openPage(site)
    await site.update(21, 21)
    await site.settled(page)
    await site.stop({ gently: false })
    await site.update(22, 60)
    await site.start()
    await page.waitForFunction('seen.snapshots === 2')
    await site.update(61, 61)
    expect(await site.settled(page)).toMatchObject({ resets: ['evicted'], sequences: ['21', '61'] })
    await site.reset()
    await site.update(1, 3)
    await page.waitForFunction('seen.snapshots === 3')
    await site.update(4, 4)
    expect((await site.settled(page)).resets).toEqual(['evicted', 'reset'])
    await page.close()
    await site.close()
  })
})
