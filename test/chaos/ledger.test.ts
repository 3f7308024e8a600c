import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import type { LedgerEntry } from '../../chaos/ledger/entry.js'
import { LEDGER_PAGE, readLedger, renderLedger } from '../../chaos/ledger/ledger.js'

const root = resolve(import.meta.dirname, '..', '..')

const ENTRY: LedgerEntry = {
  date: '2026-01-02T03:04:05Z', commit: 'abc123def', run: 'outbox', size: 'full', seed: 7, store: 'sqlite', version: '3.45',
  verdict: 'valid', messages: 123_456, kills: { random: 20, 'after-send': 5 }, restarts: 1, pauses: 2, lostReplies: 3,
  terminated: 4, clockSteps: 5, receiverFaults: 6, duplicates: 7, deadLetters: 8, recoveryMs: 9, stalls: 0, seconds: 61.5,
  machine: '2 cores',
}

test('the totals are the sums over all runs, and a run that failed counts as one', () => {
  const page = renderLedger([ENTRY, { ...ENTRY, verdict: 'invalid', messages: 1_000_000, kills: { 'mid-batch': 1 } }])
  expect(page).toContain('| runs | 2 |')
  expect(page).toContain('| of them not valid | 1 |')
  expect(page).toContain('| messages | 1,123,456 |')
  expect(page).toContain('| processes killed | 26 |')
  expect(page).toContain('| - mid-batch | 1 |')
  expect(page).toContain('| duplicates, each explained by a fault | 7 |')
  expect(page).toContain('| minutes | 2 |')
})

test('each kind of run has its own totals, with what only it counts', () => {
  const page = renderLedger([ENTRY, { ...ENTRY, run: 'journal', messages: 5_000, own: { terms: 40 } }])
  const [outbox, journal] = page.split('## Journal: totals')
  expect(outbox).toContain('## Outbox: totals')
  expect(outbox).toContain('| messages | 123,456 |')
  expect(outbox).not.toContain('| terms |')
  expect(journal).toContain('| events | 5,000 |')
  expect(journal).toContain('| terms | 40 |')
})

test('each run is a row', () => {
  const row = renderLedger([ENTRY]).split('\n').find((line) => line.startsWith('| 2026-01-02'))
  expect(row).toBe('| 2026-01-02 | abc123def | outbox full | 7 | sqlite 3.45 | valid | 123,456 | 25 | 2 | 1 | 3 | 4 | 7 | 9 '
    + '| 0 | 61.5 | 2 cores |')
})

test('the page is what its lines say', () => {
  expect(existsSync(resolve(root, LEDGER_PAGE))).toBe(true)
  expect(readFileSync(resolve(root, LEDGER_PAGE), 'utf8')).toBe(renderLedger(readLedger(root)))
})
