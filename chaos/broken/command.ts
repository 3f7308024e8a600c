/**
 * `npm run chaos -- broken`: relays, publishers, subscribers, consumers, stores and producers that are wrong on
 * purpose. Each must be found by the rule that is meant for it, and the same steps without what is wrong must be found
 * valid; otherwise the judge is worth nothing.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PostgresServer } from '../../test/support/postgres-server.js'
import type { Progress } from '../progress.js'
import type { BrokenCase } from './broken-case.js'
import { BROKEN_DEAD_LETTERS } from './broken-dead-letters.js'
import { BROKEN_FEEDS, type BrokenFeedCase } from './broken-feeds.js'
import { BROKEN_INBOXES, type BrokenInboxCase } from './broken-inboxes.js'
import { BROKEN_PRODUCERS } from './broken-producers.js'
import { BROKEN_PUBLISHERS, type BrokenJournalCase } from './broken-publishers.js'
import { BROKEN_RELAYS } from './broken-relays.js'
import { BROKEN_SEQUENCES } from './broken-sequences.js'
import { FeedsStand } from './feeds-stand.js'
import { InboxStand } from './inbox-stand.js'
import { JournalStand } from './journal-stand.js'
import { Stand, type StandPlace } from './stand.js'

/** What all judges answer. */
interface Judged {
  readonly verdict: 'valid' | 'invalid' | 'unknown'
  readonly violations: readonly { readonly rule: string }[]
  readonly gaps: readonly string[]
}

interface Case {
  readonly name: string
  readonly rule: string
  readonly store?: 'postgres'
  judge(place: StandPlace, isBroken: boolean): Promise<Judged>
}

const CASES: readonly Case[] = [
  ...[...BROKEN_RELAYS, ...BROKEN_PRODUCERS, ...BROKEN_SEQUENCES, ...BROKEN_DEAD_LETTERS].map((broken): Case => (
    { ...broken, judge: (place, isBroken) => judgeOutbox(broken, place, isBroken) })),
  ...BROKEN_PUBLISHERS.map((broken): Case => (
    { ...broken, name: `journal: ${broken.name}`, judge: (place, isBroken) => judgeJournal(broken, place, isBroken) })),
  ...BROKEN_FEEDS.map((broken): Case => (
    { ...broken, name: `feeds: ${broken.name}`, judge: (place, isBroken) => judgeFeeds(broken, place, isBroken) })),
  ...BROKEN_INBOXES.map((broken): Case => (
    { ...broken, name: `inbox: ${broken.name}`, judge: (place, isBroken) => judgeInbox(broken, place, isBroken) })),
]

interface CaseResult {
  readonly name: string
  readonly expected: string
  readonly found: readonly string[]
  readonly honest: Judged['verdict']
  readonly caught: boolean
}

export async function runBroken(args: string[], progress: Progress): Promise<number> {
  const { values } = parseArgs({ args, options: { json: { type: 'boolean', default: false } } })
  const folder = mkdtempSync(join(tmpdir(), 'waybill-broken-'))
  const server = await PostgresServer.create()
  const results: CaseResult[] = []
  try {
    for (const [number, broken] of CASES.entries()) {
      const placeOf = (variant: string): StandPlace => (broken.store === 'postgres'
        ? { url: server.url, schema: `${variant}_${number}` } : { path: join(folder, `${variant}-${number}.db`) })
      const honest = await broken.judge(placeOf('honest'), false)
      const verdict = await broken.judge(placeOf('broken'), true)
      const found = [...new Set(verdict.violations.map(({ rule }) => rule))]
      const caught = verdict.verdict === 'invalid' && found.includes(broken.rule) && honest.verdict === 'valid'
      results.push({ name: broken.name, expected: broken.rule, found, honest: honest.verdict, caught })
      progress.note(`${caught ? 'caught' : 'MISSED'}  ${broken.name}: ${found.join(', ') || 'nothing found'}`)
      const { violations: [first], gaps } = honest
      if (honest.verdict !== 'valid') progress.note(`  without it: ${JSON.stringify([first, gaps])}`)
    }
  } finally {
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  const missed = results.filter(({ caught }) => !caught).length
  const total = { verdict: missed === 0 ? 'valid' : 'invalid', broken: results.length, caught: results.length - missed }
  process.stdout.write(`${JSON.stringify(values.json ? { ...total, cases: results } : total)}\n`)
  return missed === 0 ? 0 : 1
}

async function judgeOutbox(broken: BrokenCase, place: StandPlace, isBroken: boolean): Promise<Judged> {
  const { ordering = 'none', declaredWhenBroken } = broken
  const stand = await Stand.open({ place, ordering, declared: isBroken ? declaredWhenBroken : undefined })
  try {
    await broken.run(stand, isBroken)
    return await stand.finish()
  } finally {
    await stand.close()
  }
}

async function judgeJournal(broken: BrokenJournalCase, place: StandPlace, isBroken: boolean): Promise<Judged> {
  const stand = await JournalStand.open(place)
  try {
    await broken.run(stand, isBroken)
    return await stand.finish()
  } finally {
    await stand.close()
  }
}

async function judgeFeeds(broken: BrokenFeedCase, place: StandPlace, isBroken: boolean): Promise<Judged> {
  const stand = await FeedsStand.open(place, broken.manner)
  try {
    await broken.run(stand, isBroken)
    return await stand.finish()
  } finally {
    await stand.close()
  }
}

async function judgeInbox(broken: BrokenInboxCase, place: StandPlace, isBroken: boolean): Promise<Judged> {
  const stand = await InboxStand.open(place)
  try {
    await broken.run(stand, isBroken)
    return await stand.finish()
  } finally {
    await stand.close()
  }
}
