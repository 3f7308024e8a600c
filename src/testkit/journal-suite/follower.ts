/** Follows a journal page by page, and minds what every follower is promised. */
import assert from 'node:assert/strict'
import type { JournalPage } from '../../journal/contract.js'
import type { JournalEvent } from '../../journal/event.js'
import type { Journal } from '../../journal/journal.js'

export interface FollowOptions {
  readonly tag?: string
  readonly scope?: string
  readonly cursor?: string
  readonly limit?: number
  /** Each stream must be seen from its first event on. Default: where there is neither cursor nor tag. */
  readonly wholeStreams?: boolean
}

export class Follower {
  readonly events: JournalEvent[] = []
  cursor: string | undefined
  readonly #journal: Journal<unknown>
  readonly #options: FollowOptions
  readonly #ids = new Set<string>()
  readonly #sequences = new Map<string, bigint>()

  constructor(journal: Journal<unknown>, options: FollowOptions) {
    this.#journal = journal
    this.#options = options
    this.cursor = options.cursor
  }

  /** The ids of one page. */
  async page(limit = this.#options.limit ?? 1_000): Promise<{ ids: string[]; hasMore: boolean }> {
    const { tag, scope } = this.#options
    const options = { cursor: this.cursor, limit, scope }
    const page = tag === undefined ? await this.#journal.readAll(options)
      : await this.#journal.readByTag(tag, options)
    assert.ok(page.events.length <= limit, 'a page longer than its limit')
    this.#accept(page)
    return { ids: page.events.map(({ id }) => id), hasMore: page.hasMore }
  }

  /** The ids of all there is now. */
  async poll(): Promise<string[]> {
    const ids: string[] = []
    for (;;) {
      const page = await this.page()
      ids.push(...page.ids)
      if (!page.hasMore) return ids
    }
  }

  #accept({ events, cursor }: JournalPage): void {
    let position = 0n
    for (const event of events) {
      assert.ok(event.position > position, 'positions do not ascend inside a page')
      position = event.position
      assert.ok(!this.#ids.has(event.id), `${event.id} was given twice`)
      this.#ids.add(event.id)
      const stream = JSON.stringify([event.scope, event.stream])
      const last = this.#sequences.get(stream)
      const { tag, cursor: from, wholeStreams = from === undefined && tag === undefined } = this.#options
      if (wholeStreams) assert.equal(event.sequence, (last ?? 0n) + 1n, `${stream}: a hole, or another order`)
      else assert.ok(event.sequence > (last ?? 0n), `${stream}: another order`)
      this.#sequences.set(stream, event.sequence)
      this.events.push(event)
    }
    this.cursor = cursor
  }
}
