/** What docs/guarantees.md says is checked by a test is checked by one of that name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  checkpointCases, feedCases, journalCases, liveResultsCases, offsetCases, outboxCases, progressCases, publisherCases,
  resultLogCases, subscriberCases,
} from '../../src/testkit/index.js'

const root = resolve(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/guarantees.md'), 'utf8')
const caseIds = new Set([
  ...outboxCases, ...journalCases, ...offsetCases, ...progressCases, ...publisherCases, ...resultLogCases,
  ...liveResultsCases, ...feedCases, ...checkpointCases, ...subscriberCases,
].map(({ id }) => id))

/** `A-13`, `late-1`, `journal-scope-1`, `B-43-skip`: what looks like the id of a case, in backticks. */
const CASE = /`([A-Za-z]+(?:-[a-z]+)*-\d+(?:-[a-z]+)?)`/g
const LINK = /\[([^\]]+)\]\(([^)\s]+)\)/g

const rows = page.split('\n').filter((line) => line.startsWith('| **'))
const links = [...page.matchAll(LINK)].map(([, title = '', target = '']) => ({ title, target }))
const titleLinks = links.filter(({ target }) => target.endsWith('.test.ts'))

describe('docs/guarantees.md', () => {
  test('every promise names a test that would fail', () => {
    expect(rows.length).toBeGreaterThan(10)
    for (const row of rows) {
      const tests = row.split(' | ').at(-1) ?? ''
      expect([...tests.matchAll(CASE), ...tests.matchAll(LINK)], row.slice(0, 80)).not.toHaveLength(0)
    }
  })

  test('every case it names exists', () => {
    const named = new Set([...page.matchAll(CASE)].map(([, id = '']) => id))
    expect([...named].filter((id) => !caseIds.has(id))).toEqual([])
  })

  test.each(titleLinks)('a test is titled "$title"', ({ title, target }) => {
    const source = readFileSync(join(root, 'docs', target), 'utf8')
    expect(source.includes(`'${title.replaceAll("'", "\\'")}'`), `${target} has no such test`).toBe(true)
  })
})

test('cases that decisions name exist', () => {
  const folder = join(root, 'docs/decisions')
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
  const named = [...texts.matchAll(CASE)].map(([, id = '']) => id)
  expect(named.filter((id) => !caseIds.has(id))).toEqual([])
})

test('relative links of the pages lead to files', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md',
    ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join('docs', String(name)))]
  const broken = pages.filter((name) => name.endsWith('.md')).flatMap((name) => {
    const text = readFileSync(join(root, name), 'utf8').replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '')
    return [...text.matchAll(LINK)].map(([, , target = '']) => target.split('#')[0] ?? '')
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(name), target)))
      .map((target) => `${name}: ${target}`)
  })
  expect(broken).toEqual([])
})
