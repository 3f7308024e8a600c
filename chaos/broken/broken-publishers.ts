/** Publishers, progress stores and producers of the journal as they are written by mistake. */
import pg from 'pg'
import type { ProgressStore, SaveRequest } from 'waybill'
import type { Rule } from '../journal/history/verdict.js'
import { forwardingProgress } from '../journal/recording-progress.js'
import { LEASE_MS, NAME, type JournalStand } from './journal-stand.js'

/** Something that is wrong on purpose, and the rule that must find it. */
export interface BrokenJournalCase {
  readonly name: string
  readonly rule: Rule
  readonly store?: 'postgres'
  /** The same steps, once with what is wrong and once without; the second history must be valid. */
  run(stand: JournalStand, isBroken: boolean): Promise<void>
}

const failsFirst = (_event: string, attempt: number): boolean => attempt === 1

const EVERYTHING = { tags: undefined, streams: undefined, scope: undefined } as const

/** A store whose saves are changed on the way. */
function savingAs(store: ProgressStore, change: (request: SaveRequest) => Promise<SaveRequest>): ProgressStore {
  return { ...forwardingProgress(store), save: async (request) => store.save(await change(request)) }
}

/** Written by hand: takes, reads one page, delivers it, and dies at the first failure. */
async function publishByHand(stand: JournalStand, savesFirst: boolean): Promise<void> {
  const progress = stand.recording('by hand')
  const { parts: [part] } = await stand.take(progress, 'by hand')
  const read = { cursor: part?.cursor, slots: part?.slots }
  const [page] = await stand.journal.readPages({ ...EVERYTHING, parts: [read], limit: 10 })
  const save = (): Promise<unknown> => progress.save({ publisher: NAME, parts: [
    { part: part?.part ?? 0, term: part?.term ?? 0n, cursor: page?.cursor, held: [], freed: [], dead: [] },
  ] })
  if (savesFirst) await save()
  try {
    for (const event of page?.events ?? []) {
      stand.receive({ ...event, bytes: event.payload }, 1, `${part?.part}:${part?.term}`)
    }
    if (!savesFirst) await save()
  } catch {
    // It dies, and does nothing any more.
  }
}

const SAVES_BEFORE_DELIVERING: BrokenJournalCase = {
  name: 'saves its cursor before it delivers', rule: 'lost',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    stand.fails = failsFirst
    await publishByHand(stand, isBroken)
    await stand.publishAll()
  },
}

const SWALLOWS_FAILURES: BrokenJournalCase = {
  name: 'takes a failed publication for a success', rule: 'lost',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    stand.fails = failsFirst
    await stand.publishAll(isBroken ? {
      publish: (event, { claimToken }) => {
        try {
          stand.receive(event, event.attempt, claimToken)
        } catch {
          // Nobody learns of it.
        }
      },
    } : {})
  },
}

const TERM_NOT_CHECKED: BrokenJournalCase = {
  name: 'saves without looking at the term', rule: 'stale-save',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    // Whoever has the part now: it is written all the same.
    const termless = savingAs(stand.progress, async ({ publisher, parts }) => {
      const state = await stand.progress.look(publisher)
      const termOf = (number: number): bigint => state?.parts.find(({ part }) => part === number)?.term ?? 0n
      return { publisher, parts: parts.map((each) => ({ ...each, term: termOf(each.part) })) }
    })
    const paused = stand.recording('paused', isBroken ? termless : stand.progress)
    const { parts: [part] } = await stand.take(paused, 'paused')
    await stand.publishAll()
    await paused.save({ publisher: NAME, parts: [
      { part: part?.part ?? 0, term: part?.term ?? 0n, cursor: undefined, held: [], freed: [], dead: [] },
    ] })
    await stand.publishAll({ publish: () => undefined })
  },
}

const CHAIN_ENDS_WITH_THE_PAGE: BrokenJournalCase = {
  name: 'forgets at the end of a page which streams wait', rule: 'order',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    await stand.produce('o2', [{ event: 'e2', stream: 's' }])
    stand.fails = (event, attempt) => event === 'e1' && attempt === 1
    if (isBroken) await publishPages(stand)
    await stand.publishAll({ batch: 1 })
  },
}

/** Pages of one event, each for itself: what failed is tried when the others are through. */
async function publishPages(stand: JournalStand): Promise<void> {
  const again: (() => void)[] = []
  for (let cursor: string | undefined; ;) {
    const page = await stand.waybill.journal.readAll({ cursor, limit: 1 })
    for (const event of page.events) {
      const deliver = (attempt: number): void => stand.receive({ ...event, bytes: event.payload }, attempt)
      try {
        deliver(1)
      } catch {
        again.push(() => deliver(2))
      }
    }
    cursor = page.cursor
    if (!page.hasMore) break
  }
  for (const deliver of again) deliver()
}

const HOLD_NOT_EXTENDED: BrokenJournalCase = {
  name: 'holds a stream and does not lengthen the hold by what it passes', rule: 'lost',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    await stand.produce('o2', [{ event: 'e2', stream: 's' }])
    const short = savingAs(stand.progress, ({ publisher, parts }) => Promise.resolve({
      publisher,
      parts: parts.map((part) => ({ ...part, held: part.held.map((hold) => ({ ...hold, to: hold.from })) })),
    }))
    stand.fails = (event) => event === 'e1'
    const patient = { batch: 1, retry: { baseMs: LEASE_MS, maxMs: LEASE_MS } }
    await stand.publishAll(patient, isBroken ? short : stand.progress)
    stand.fails = () => false
    stand.clock.advance(LEASE_MS)
    await stand.publishAll()
  },
}

const TWO_OWNERS: BrokenJournalCase = {
  name: 'gives a part away whose lease holds', rule: 'two-owners',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    const generous: ProgressStore = {
      ...forwardingProgress(stand.progress),
      take: async (request) => {
        const state = await stand.progress.look(request.publisher)
        for (const { owner } of state?.parts ?? []) {
          if (owner !== undefined) await stand.progress.leave({ publisher: request.publisher, owner })
        }
        return stand.progress.take(request)
      },
    }
    await stand.take(stand.recording('first'), 'first')
    await stand.take(stand.recording('second', isBroken ? generous : stand.progress), 'second')
    await stand.publishAll()
  },
}

const FORGETS_TO_SAVE: BrokenJournalCase = {
  name: 'says that it has saved and has not', rule: 'duplicate',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    const forgetful: ProgressStore = {
      ...forwardingProgress(stand.progress), save: ({ parts }) => Promise.resolve(parts.map(() => true)),
    }
    await stand.publishAll({}, isBroken ? forgetful : stand.progress)
    await stand.publishAll()
  },
}

const GIVES_UP_AT_ONCE: BrokenJournalCase = {
  name: 'gives an event up that only had to wait', rule: 'poison',
  async run(stand, isBroken) {
    await stand.produce('o1', [{ event: 'e1', stream: 's' }])
    stand.fails = failsFirst
    await stand.publishAll(isBroken ? { maxAttempts: 1, onFailure: 'dead_letter' } : {})
  },
}

/** As any bug or refusal would be. */
class ChangedMind extends Error {}

const APPENDS_OUTSIDE: BrokenJournalCase = {
  name: 'appends outside the transaction, which is rolled back', rule: 'phantom',
  async run(stand, isBroken) {
    stand.begin('o1')
    const drafts = stand.drafts('o1', [{ event: 'e1', stream: 's' }])
    if (isBroken) await stand.waybill.journal.appendAlone(drafts)
    await stand.waybill.transaction(async (handle) => {
      if (!isBroken) await stand.waybill.journal.append(handle, drafts)
      throw new ChangedMind()
    }).catch(() => stand.end('aborted', 'o1'))
    await stand.publishAll()
  },
}

const REPEATS_WITHOUT_KEY: BrokenJournalCase = {
  name: 'appends again, without a key, what it does not know to be committed', rule: 'twice',
  async run(stand, isBroken) {
    for (const tx of ['o1', 'o2']) {
      stand.begin(tx)
      const drafts = stand.drafts(tx, [{ event: 'e1', stream: 's' }])
      await stand.waybill.journal.appendAlone(drafts, isBroken ? {} : { idempotencyKey: 'once' })
      stand.end(tx === 'o1' ? 'unknown' : 'committed', tx)
    }
    await stand.publishAll()
  },
}

const POSITION_CURSOR: BrokenJournalCase = {
  name: 'reads on behind the last position', rule: 'lost', store: 'postgres',
  async run(stand, isBroken) {
    if (!('url' in stand.place)) throw new Error('this needs PostgreSQL')
    const { url, schema } = stand.place
    const [late, early] = await Promise.all([0, 1].map(async () => {
      const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` })
      await client.connect()
      return client
    }))
    let last = 0n
    const look = async (): Promise<void> => {
      if (!isBroken) return stand.publishAll()
      const { events } = await stand.waybill.journal.readAll()
      for (const event of events.filter(({ position }) => position > last)) {
        stand.receive({ ...event, bytes: event.payload }, 1)
        last = event.position
      }
    }
    const begin = async (client: pg.Client | undefined, tx: string, event: string): Promise<void> => {
      stand.begin(tx)
      await client?.query('begin')
      await stand.waybill.journal.append(client, stand.drafts(tx, [{ event, stream: event }]))
    }
    await begin(late, 'o1', 'e1')
    await begin(early, 'o2', 'e2')
    for (const [client, tx] of [[early, 'o2'], [late, 'o1']] as const) {
      await client?.query('commit')
      stand.end('committed', tx)
      await look()
      await client?.end()
    }
  },
}

export const BROKEN_PUBLISHERS: readonly BrokenJournalCase[] = [
  SAVES_BEFORE_DELIVERING, SWALLOWS_FAILURES, TERM_NOT_CHECKED, CHAIN_ENDS_WITH_THE_PAGE, HOLD_NOT_EXTENDED, TWO_OWNERS,
  FORGETS_TO_SAVE, GIVES_UP_AT_ONCE, APPENDS_OUTSIDE, REPEATS_WITHOUT_KEY, POSITION_CURSOR,
]
