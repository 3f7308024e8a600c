/** The demo's count must find what is wrong, so each thing that can be wrong is planted. */
import { writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { killMoments, pathsIn, type Paths, type Reception } from '../../src/cli/demo/plan.js'
import { countWaiting, tally, type Tally } from '../../src/cli/demo/tally.js'
import { isProven, printResult, resultDocument, type DemoResult } from '../../src/cli/demo/verdict.js'
import { Output } from '../../src/cli/output.js'
import { permanentError } from '../../src/index.js'
import { sqlite, type SqliteHandle } from '../../src/sqlite.js'
import { createWaybill } from '../../src/waybill.js'
import { temporaryFolder } from './program.js'

let folder: ReturnType<typeof temporaryFolder>
let paths: Paths
beforeEach(() => {
  folder = temporaryFolder()
  paths = pathsIn(folder.path)
})
afterEach(() => folder.remove())

interface Plant {
  /** Orders with a message, by what becomes of it. */
  readonly delivered?: readonly string[]
  readonly refused?: readonly string[]
  readonly waiting?: readonly string[]
  /** Orders without a message. */
  readonly unannounced?: readonly string[]
  /** Messages without an order. */
  readonly rolledBack?: readonly string[]
  /** The receiver's log, where it is not what was delivered. */
  readonly log?: readonly Partial<Reception>[]
}

async function plant(setting: Plant): Promise<void> {
  const { delivered = [], refused = [], waiting = [], unannounced = [], rolledBack = [] } = setting
  const waybill = createWaybill({ store: sqlite({ path: paths.database }) })
  await waybill.migrate()
  const place = (id: string, at: number, options: { order: boolean; message: boolean }): Promise<void> =>
    waybill.transaction(async (tx: SqliteHandle) => {
      tx.exec('create table if not exists orders (id text primary key)')
      if (options.order) tx.exec(`insert into orders values ('${id}')`)
      if (options.message) await waybill.outbox.enqueue(tx, { type: 't', payload: { order: id }, availableAt: at })
    })
  const NEVER = 4_000_000_000_000
  for (const id of [...delivered, ...refused]) await place(id, 0, { order: true, message: true })
  for (const id of waiting) await place(id, NEVER, { order: true, message: true })
  for (const id of unannounced) await place(id, 0, { order: true, message: false })
  for (const id of rolledBack) await place(id, 0, { order: false, message: true })
  const log: Partial<Reception>[] = []
  await waybill.relay({
    handlers: {
      default: ({ payload }) => {
        const { order } = payload as { order: string }
        if (refused.includes(order)) throw permanentError('no')
        log.push({ order })
      },
    },
  }).drain()
  await waybill.close()
  const lines = (setting.log ?? log).map((line) => JSON.stringify({ message: 'm', run: 1, answeredLate: false, ...line }))
  writeFileSync(paths.receiverLog, lines.map((line) => `${line}\n`).join(''))
}

const count = (killed: readonly number[] = []): Tally => tally(paths, new Set(killed))

describe('the demo\'s count', () => {
  test('what is right', async () => {
    await plant({ delivered: ['a', 'b'], refused: ['c'] })
    expect(count()).toEqual({
      committed: 3, delivered: 2, deadLettered: 1, duplicates: 0, duplicatesByKills: 0, duplicatesByLateAnswers: 0,
      lost: 0, waiting: 0, phantom: 0, retried: 0,
    })
    expect(isProven(count())).toBe(true)
    expect(countWaiting(paths)).toBe(0)
  })

  test('an order whose message was never written is lost', async () => {
    await plant({ delivered: ['a'], unannounced: ['b', 'c'] })
    expect(count()).toMatchObject({ committed: 3, delivered: 1, lost: 2, waiting: 0 })
    expect(isProven(count())).toBe(false)
  })

  test('an order that the outbox calls delivered and the receiver never saw is lost', async () => {
    await plant({ delivered: ['a', 'b'], log: [{ order: 'a' }] })
    expect(count()).toMatchObject({ committed: 2, delivered: 1, lost: 1, waiting: 0 })
  })

  test('an order whose message still waits is told apart, and is no proof either', async () => {
    await plant({ delivered: ['a'], waiting: ['b'] })
    expect(count()).toMatchObject({ delivered: 1, lost: 1, waiting: 1 })
    expect(countWaiting(paths)).toBe(1)
    expect(isProven(count())).toBe(false)
  })

  test('a reception without an order is a phantom', async () => {
    await plant({ delivered: ['a'], rolledBack: ['b'] })
    expect(count()).toMatchObject({ committed: 1, delivered: 1, lost: 0, phantom: 1 })
    expect(isProven(count())).toBe(false)
  })

  test('a dead letter without an order is a phantom', async () => {
    await plant({ delivered: ['a'], rolledBack: ['b'], refused: [], log: [{ order: 'a' }, { order: 'b' }, { order: 'z' }] })
    expect(count()).toMatchObject({ phantom: 2 })
  })

  test('duplicates are counted with their causes', async () => {
    await plant({
      delivered: ['a', 'b', 'c'],
      log: [
        { order: 'a', run: 1 }, { order: 'b', run: 2, answeredLate: true }, { order: 'c', run: 2 },
        { order: 'a', run: 2 }, { order: 'b', run: 2 }, { order: 'c', run: 2 }, { order: 'c', run: 2 },
      ],
    })
    expect(count([1])).toMatchObject({
      delivered: 3, duplicates: 4, duplicatesByKills: 1, duplicatesByLateAnswers: 1, lost: 0, phantom: 0,
    })
  })

  test('delivered and dead at once counts once', async () => {
    await plant({ delivered: ['a'], refused: ['b'], log: [{ order: 'a' }, { order: 'b' }] })
    expect(count()).toMatchObject({ committed: 2, delivered: 2, deadLettered: 0, lost: 0 })
  })
})

describe('the demo\'s verdict', () => {
  const result: DemoResult = {
    committed: 10, delivered: 9, deadLettered: 1, duplicates: 3, duplicatesByKills: 2, duplicatesByLateAnswers: 0,
    lost: 0, waiting: 0, phantom: 0, retried: 4, kills: 2, rolledBack: 5, seconds: 10, drainSeconds: 1,
  }
  const told = (over: Partial<DemoResult>): string => {
    const lines: string[] = []
    const sink = { write: (text: string | Uint8Array) => lines.push(String(text)) }
    const io = { stdout: sink, stderr: sink, env: {}, input: async () => undefined, cwd: '', isTerminal: false, columns: () => undefined, rows: () => undefined,
      onStop: () => () => undefined, now: () => 0 }
    printResult({ ...result, ...over }, new Output(io, { json: false, verbose: false }))
    return lines.join('')
  }

  test('the six fields come first', () => {
    expect(Object.keys(resultDocument(result)).slice(0, 6))
      .toEqual(['committed', 'delivered', 'deadLettered', 'duplicates', 'lost', 'phantom'])
  })

  test('in words', () => {
    expect(told({})).toContain('The books balance: 10 committed = 9 delivered + 1 dead letters.')
    expect(told({})).toContain('2 after a kill, 1 for other reasons')
    expect(told({ lost: 1 })).toContain('BROKEN: 1 committed orders lost, 0 arrived')
    expect(told({ phantom: 2 })).toContain('BROKEN: 0 committed orders lost, 2 arrived')
    expect(told({ lost: 2, waiting: 2 })).toContain('Not finished')
    expect(told({ lost: 2, waiting: 1 })).toContain('BROKEN')
  })

  test('a relay is killed twice at least, while the shop is open', () => {
    for (const seconds of [1, 4, 10, 20, 60]) {
      for (const random of [() => 0, () => 0.999, Math.random]) {
        const moments = killMoments(seconds, random)
        expect(moments.length).toBeGreaterThanOrEqual(2)
        expect(moments).toEqual([...moments].sort((a, b) => a - b))
        expect(moments[0]).toBeGreaterThan(0)
        expect(moments.at(-1)).toBeLessThan(seconds * 1_000)
      }
    }
  })
})
