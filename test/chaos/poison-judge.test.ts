/** The judge of the run with poison: each rule by the smallest run that breaks it, and what throughput is. */
import { expect, test } from 'vitest'
import { PoisonJudge, type FinalRow, type PoisonVerdict } from '../../chaos/poison/judge.js'
import { poisonFor } from '../../chaos/poison/load.js'
import {
  isPoisoned, KILLS_EACH, nameOf, partOf, partsOf, POISONS, poisonOf, REFUSAL, type Part, type Poison,
} from '../../chaos/poison/plan.js'
import { perSecond, stretchOf } from '../../chaos/poison/throughput.js'

/** Of each part, so many healthy messages, one each ms by default. */
const HEALTHY = 20
const QUARANTINED = 'quarantined after 3 failures: Error: no'

const WAYS: Readonly<Record<Poison, Partial<FinalRow>>> = {
  throws: { attempts: 4, lastError: QUARANTINED }, hangs: { attempts: 3, lastError: QUARANTINED },
  oversized: { attempts: 3, lastError: QUARANTINED }, permanent: { attempts: 1, lastError: `Error: ${REFUSAL}` },
  kills: { attempts: KILLS_EACH, lastError: 'lease expired' },
}

interface Run {
  /** What it is changed to, or that it is not there. */
  readonly rows?: Readonly<Record<string, Partial<FinalRow> | null>>
  /** These are not accepted by the destination. */
  readonly unsent?: readonly string[]
  /** Between two deliveries of the part with poison. */
  readonly poisonedMs?: number
  readonly leastThroughput?: number
}

function judged({ rows = {}, unsent = [], poisonedMs = 1, leastThroughput = 0.9 }: Run): PoisonVerdict {
  const parts = partsOf(1)
  const begunAt = new Map(parts.map((part, index): [Part, number] => [part, (index + 1) * 1_000]))
  const judge = new PoisonJudge({ begunAt, leastThroughput })
  const names = parts.flatMap((part) => Array.from({ length: HEALTHY }, (_, number) => nameOf(part, number)))
  const poison = POISONS.map((kind, number) => nameOf('poisoned0', HEALTHY + number, kind))
  judge.push({ kind: 'begin', at: 0, tx: 't' })
  for (const message of [...names, ...poison]) judge.push({ kind: 'enqueue', at: 1, tx: 't', message, digest: 'd' })
  judge.push({ kind: 'committed', at: 2, tx: 't' })
  for (const message of names) {
    const number = Number(message.split('.')[1])
    const at = begunAt.get(partOf(message))! + (number + 1) * (isPoisoned(partOf(message)) ? poisonedMs : 1)
    if (!unsent.includes(message)) judge.push({ kind: 'received', at, message, digest: 'd', accepted: true })
  }
  const table = [...names, ...poison].flatMap((message): FinalRow[] => {
    const kind = poisonOf(message)
    const way = kind === undefined ? { status: 'delivered' as const } : { status: 'dead_letter' as const, ...WAYS[kind] }
    const changed = rows[message]
    return changed === null ? [] : [{ message, attempts: 1, lastError: undefined, ...way, ...changed }]
  })
  return judge.finish(table, names.length + poison.length)
}

const healthy = nameOf('poisoned0', 0)
const throwing = nameOf('poisoned0', HEALTHY, 'throws')

test('exactly the poison is dead, each kind in its way, and nothing was slower', () => {
  expect(judged({})).toMatchObject({
    verdict: 'valid', violations: [], gaps: [], healthyThroughput: 1, toTheLast: 1,
    perSecond: { poisoned: 1_000, baseline: 1_000 },
    ways: { 'quarantined': 3, 'at once': 1, 'after its lease expired': 1, 'otherwise': 0 },
  })
})

test.each([
  ['poison', { rows: { [healthy]: { status: 'dead_letter', lastError: QUARANTINED } } }],
  ['unsent', { rows: { [throwing]: { status: 'delivered' } } }],
  ['unsent', { unsent: [healthy] }],
  ['lost', { rows: { [healthy]: null } }],
  ['stuck', { rows: { [throwing]: { status: 'pending' } } }],
  ['way', { rows: { [throwing]: { lastError: 'Error: no', attempts: 40 } } }],
  ['way', { rows: { [nameOf('poisoned0', HEALTHY + 4, 'kills')]: { lastError: QUARANTINED } } }],
  ['throughput', { poisonedMs: 1.2 }],
] as const)('%s: %j', (rule, run) => {
  const { verdict, violations } = judged(run)
  expect(verdict).toBe('invalid')
  expect(violations.map((violation) => violation.rule)).toContain(rule)
})

test('throughput: nine tenths are enough, and it is told as it is', () => {
  expect(judged({ poisonedMs: 1.1 })).toMatchObject({ verdict: 'valid', healthyThroughput: 0.909 })
  expect(judged({ poisonedMs: 2, leastThroughput: 0.3 })).toMatchObject({ verdict: 'valid', healthyThroughput: 0.5 })
})

test('a stretch ends when 95 % are delivered, in whatever order they are told; none is no throughput', () => {
  const at = Array.from({ length: 100 }, (_, n) => (n < 95 ? 10 + n : 9_000)).reverse()
  expect(stretchOf(4, at)).toEqual({ messages: 95, ms: 100 })
  expect(stretchOf(0, at, 1)).toEqual({ messages: 100, ms: 9_000 })
  expect(perSecond([{ messages: 10, ms: 100 }, { messages: 30, ms: 100 }])).toBe(200)
  expect(perSecond([stretchOf(0, [])])).toBe(0)
})

test('the kinds are of the size that was asked for, and names tell them', () => {
  const poison = poisonFor({ messages: 100_000, onePoisonIn: 100, killing: 8 })
  expect(poison).toEqual({ throws: 248, hangs: 248, permanent: 248, oversized: 248, kills: 8 })
  for (const kind of POISONS) expect(poisonOf(nameOf('clean0', 7, kind))).toBe(kind)
  expect([poisonOf(nameOf('clean1', 7)), partOf(nameOf('clean1', 7))]).toEqual([undefined, 'clean1'])
  expect(partsOf(2)).toEqual(['first', 'clean0', 'poisoned0', 'clean1', 'poisoned1', 'clean2'])
})
