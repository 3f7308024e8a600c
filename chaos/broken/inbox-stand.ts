/** A stand for one small run of the inbox in one process, judged as the large runs are. */
import { createWaybill, type Store } from 'waybill'
import { sqlite } from 'waybill/sqlite'
import { now } from '../history/journal.js'
import { createEffects, readFinal, takeEffect } from '../inbox/effects.js'
import type { DeliveryEnd } from '../inbox/events.js'
import { InboxJudge, type InboxVerdict } from '../inbox/judge.js'
import { CONSUMER, messageOf } from '../inbox/plan.js'
import type { Query } from '../stage/stage.js'
import type { StandPlace, StandWaybill } from './stand.js'

/** The one message of such a run. */
const NUMBER = 0

interface Handle {
  prepare(text: string): { all(): unknown; run(): unknown }
}

export class InboxStand {
  readonly waybill: StandWaybill
  readonly #path: string
  readonly #store: Store
  readonly #judge = new InboxJudge()

  private constructor(path: string) {
    this.#path = path
    this.#store = sqlite({ path })
    this.waybill = createWaybill({ store: this.#store })
  }

  static async open(place: StandPlace): Promise<InboxStand> {
    if (!('path' in place)) throw new Error('this is for SQLite')
    const stand = new InboxStand(place.path)
    await stand.waybill.migrate()
    await createEffects(stand.#query)
    return stand
  }

  /** The delivery's record, with whatever is done when it is the first. */
  async record(tx: unknown, work: () => Promise<void> = async () => undefined): Promise<DeliveryEnd> {
    const { processed } = await this.waybill.inbox.process(tx, CONSUMER, messageOf(NUMBER), work)
    return processed ? 'done' : 'skipped'
  }

  async effect(tx: unknown): Promise<void> {
    await takeEffect({ kind: 'sqlite', path: this.#path }, tx, messageOf(NUMBER), CONSUMER)
  }

  /** As it is meant. */
  deliver(): Promise<DeliveryEnd> {
    return this.waybill.transaction((tx) => this.record(tx, () => this.effect(tx)))
  }

  /** How a delivery ended for whoever made it. */
  told(end: DeliveryEnd): void {
    this.#judge.push({ kind: 'delivery', at: now(), consumer: CONSUMER, messages: [NUMBER], end })
  }

  async finish(): Promise<InboxVerdict> {
    return this.#judge.finish(1, await readFinal(this.#query, 'waybill_'))
  }

  async close(): Promise<void> {
    await this.waybill.close()
  }

  readonly #query: Query = (text) => this.#store.transaction(async (handle) => {
    const statement = (handle as Handle).prepare(text)
    if (text.startsWith('select')) return statement.all() as Awaited<ReturnType<Query>>
    statement.run()
    return []
  })
}
