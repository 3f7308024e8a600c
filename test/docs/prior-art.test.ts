/** What docs/prior-art.md says is somewhere is there, and is shown by what it names. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import {
  CLASSIC_DLQ_INTERVAL_MS, CLASSIC_DLQ_THRESHOLD, CLASSIC_MAX_ATTEMPTS, CLASSIC_RETRY, DEFAULT_SCOPE,
  OUTBOX_LANE_CANONICAL, OUTBOX_LANE_PROTOCOL_REPLAY, OUTBOX_STATUSES, OUTBOX_TARGET_A2A_WEBHOOK,
  OUTBOX_TARGET_PROTOCOL_FANOUT, OUTBOX_TARGET_PROTOCOL_PROJECTOR,
} from '../../src/index.js'
import { relaySettings } from '../../src/outbox/relay-options.js'
import { runnerSettings } from '../../src/runner/options.js'
import { ExportedNames } from './exported-names.js'
import { hasTest, namesTest, root, testLinksOf, unknownCases } from './named-tests.js'

const PAGE = 'docs/prior-art.md'
const page = readFileSync(join(root, PAGE), 'utf8')
/** What has no place in Waybill comes after the tables of what has. */
const [built = ''] = page.split('\n## Not built yet')
const rows = built.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| theirs |'))
  .map((line) => line.slice(2, -2).split(' | '))

describe(PAGE, () => {
  test('every row says what differs, and names a test', () => {
    expect(rows.length).toBeGreaterThan(100)
    for (const row of rows) {
      expect(row, row[0]).toHaveLength(4)
      for (const cell of row) expect(cell.trim(), row[0]).not.toBe('')
      expect(namesTest(row[3] ?? ''), row[0]).toBe(true)
    }
  })

  test('every case it names exists', () => {
    expect(unknownCases(page)).toEqual([])
  })

  test('each test that it names has its title', () => {
    expect(testLinksOf(page).filter((link) => !hasTest(PAGE, link))).toEqual([])
  })

  test('what it says is in Waybill is exported', () => {
    const entries = readdirSync(join(root, 'src')).filter((name) => name.endsWith('.ts')).map((name) => `src/${name}`)
    const names = new ExportedNames(entries)
    const code = rows.flatMap(([, place = '']) => [...place.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
    expect(code.length).toBeGreaterThan(rows.length - 1)
    expect(code.filter((name) => !(name.endsWith('()') ? names.isFunction(name.slice(0, -2)) : names.has(name))))
      .toEqual([])
  })

  test('the names and numbers of these designs are exported as they were', () => {
    expect([OUTBOX_LANE_CANONICAL, OUTBOX_LANE_PROTOCOL_REPLAY]).toEqual(['canonical', 'protocol_replay'])
    expect([OUTBOX_TARGET_PROTOCOL_PROJECTOR, OUTBOX_TARGET_PROTOCOL_FANOUT, OUTBOX_TARGET_A2A_WEBHOOK])
      .toEqual(['protocol_projector', 'protocol_fanout', 'a2a_webhook'])
    expect(OUTBOX_STATUSES).toEqual(['pending', 'claimed', 'delivered', 'dead_letter'])
    expect(CLASSIC_MAX_ATTEMPTS).toBe(5)
    expect(CLASSIC_RETRY).toEqual({ baseMs: 1_000, maxMs: 30_000, jitter: 'none' })
    expect([CLASSIC_DLQ_THRESHOLD, CLASSIC_DLQ_INTERVAL_MS]).toEqual([10, 300_000])
    expect(DEFAULT_SCOPE).toBe('default')
    expect([runnerSettings({}).batch, relaySettings({}).leaseMs]).toEqual([100, 30_000])
  })
})
