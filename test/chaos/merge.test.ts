import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Journal } from '../../chaos/history/journal.js'
import { mergeJournals, WINDOW_MS } from '../../chaos/history/merge.js'
import type { HistoryEvent } from '../../src/testkit/index.js'

let folder = ''
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'waybill-merge-')) })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const begin = (at: number, tx = `t${at}`): HistoryEvent => ({ kind: 'begin', at, tx })

function journal(name: string, ...events: readonly HistoryEvent[]): string {
  const path = join(folder, name)
  const file = new Journal(path)
  for (const event of events) file.write(event)
  file.close()
  return path
}

const timesOf = (events: Iterable<HistoryEvent>): number[] => [...events].map(({ at }) => at)

test('journals become one history in the order of time, and an empty one adds nothing', () => {
  const paths = [journal('a', begin(1), begin(4), begin(5)), journal('b', begin(2), begin(3), begin(9)), journal('c')]
  expect(timesOf(mergeJournals(paths))).toEqual([1, 2, 3, 4, 5, 9])
})

test('an event that is written late takes its place, within the window', () => {
  const far = 10 * WINDOW_MS
  const path = journal('late', begin(10), begin(30), begin(20), begin(far), begin(far + 2), begin(far + 1))
  expect(timesOf(mergeJournals([path]))).toEqual([10, 20, 30, far, far + 1, far + 2])
})

test('beyond the window it stays where it is, for the checker to refuse', () => {
  const far = 10 * WINDOW_MS
  const path = journal('too-late', begin(10), begin(far), begin(2 * far), begin(20), begin(2 * far + 1))
  expect(timesOf(mergeJournals([path]))).not.toEqual([10, 20, far, 2 * far, 2 * far + 1])
})

test('the last line of a killed process, when it is torn, is left out and told', () => {
  const path = join(folder, 'torn')
  writeFileSync(path, `${JSON.stringify(begin(1))}\n${JSON.stringify(begin(2))}`)
  const torn: string[] = []
  expect(timesOf(mergeJournals([path], (each) => torn.push(each)))).toEqual([1])
  expect(torn).toEqual([path])
})

test('a line that is whole and no JSON is an error', () => {
  const path = join(folder, 'broken')
  writeFileSync(path, '{"kind":\n')
  expect(() => [...mergeJournals([path])]).toThrow(SyntaxError)
})

test('lines longer and files larger than a chunk', () => {
  const names = Array.from({ length: 3_000 }, (_, at) => begin(at, 'x'.repeat(at % 500)))
  names.push(begin(3_000, 'y'.repeat(600_000)))
  expect([...mergeJournals([journal('large', ...names)])]).toEqual(names)
})
