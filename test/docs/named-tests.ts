/** The tests that pages name: cases of the suites by id, others by a link with their title. */
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import {
  checkpointCases, feedCases, heapCases, inboxCases, journalCases, liveResultsCases, maintenanceCases, offsetCases,
  outboxCases, progressCases, publisherCases, reservationCases, resultLogCases, subscriberCases, transportCases,
} from '../../src/testkit/index.js'

export const root = resolve(import.meta.dirname, '../..')

const caseIds = new Set([
  ...outboxCases, ...journalCases, ...offsetCases, ...progressCases, ...publisherCases, ...resultLogCases,
  ...liveResultsCases, ...feedCases, ...inboxCases, ...checkpointCases, ...subscriberCases, ...transportCases,
  ...heapCases, ...maintenanceCases, ...reservationCases,
].map(({ id }) => id))

/** `A-13`, `late-1`, `journal-scope-1`, `B-43-skip`: what looks like the id of a case, in backticks. */
const CASE = /`([A-Za-z]+(?:-[a-z]+)*-\d+(?:-[a-z]+)?)`/g
const LINK = /\[([^\]]+)\]\(([^)\s]+)\)/g

export interface Link {
  readonly title: string
  readonly target: string
}

export function linksOf(text: string): readonly Link[] {
  return [...text.matchAll(LINK)].map(([, title = '', target = '']) => ({ title, target }))
}

export function testLinksOf(text: string): readonly Link[] {
  return linksOf(text).filter(({ target }) => target.endsWith('.test.ts'))
}

export function namesTest(text: string): boolean {
  return [...text.matchAll(CASE)].length + testLinksOf(text).length > 0
}

/** What looks like the id of a case and is none. */
export function unknownCases(text: string): readonly string[] {
  const named = new Set([...text.matchAll(CASE)].map(([, id = '']) => id))
  return [...named].filter((id) => !caseIds.has(id))
}

/** Whether a page of this path links to a file that has a test of this title. */
export function hasTest(page: string, { title, target }: Link): boolean {
  const source = readFileSync(join(root, dirname(page), target), 'utf8')
  return source.includes(`'${title.replaceAll("'", "\\'")}'`)
}
