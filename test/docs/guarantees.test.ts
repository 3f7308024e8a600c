/** What docs/guarantees.md says is checked by a test is checked by one of that name. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hasTest, linksOf, namesTest, root, testLinksOf, unknownCases } from './named-tests.js'

const PAGE = 'docs/guarantees.md'
const page = readFileSync(join(root, PAGE), 'utf8')
const rows = page.split('\n').filter((line) => line.startsWith('| **'))

describe(PAGE, () => {
  test('every promise names a test that would fail', () => {
    expect(rows.length).toBeGreaterThan(10)
    for (const row of rows) expect(namesTest(row.split(' | ').at(-1) ?? ''), row.slice(0, 80)).toBe(true)
  })

  test('every case it names exists', () => {
    expect(unknownCases(page)).toEqual([])
  })

  test.each(testLinksOf(page))('a test is titled "$title"', (link) => {
    expect(hasTest(PAGE, link), `${link.target} has no such test`).toBe(true)
  })
})

test('cases that decisions name exist', () => {
  const folder = join(root, 'docs/decisions')
  const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8')).join('\n')
  expect(unknownCases(texts)).toEqual([])
})

test('relative links of the pages lead to files', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md',
    ...readdirSync(join(root, 'docs'), { recursive: true }).map((name) => join('docs', String(name)))]
  const broken = pages.filter((name) => name.endsWith('.md')).flatMap((name) => {
    const text = readFileSync(join(root, name), 'utf8').replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '')
    return linksOf(text).map(({ target }) => target.split('#')[0] ?? '')
      .filter((target) => target !== '' && !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(name), target)))
      .map((target) => `${name}: ${target}`)
  })
  expect(broken).toEqual([])
})
