/** `offset-18`, `offset-19`: two processes that load and save at random, compared with what one would expect. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import { forEachSeed, type SeededRandom } from '../random.js'
import { expected, outcomeOf, type OffsetCase, type OffsetContext, type OffsetProcess } from './context.js'

const STREAMS = ['a', 'b', 'c'] as const
const STEPS = 20

/** What one process knows; undefined before it has loaded. */
interface Known {
  readonly process: OffsetProcess
  saved: Record<string, bigint> | undefined
  unsaved: Record<string, bigint>
  isStale: boolean
}

export const historyCases: readonly OffsetCase[] = [
  {
    id: 'offset-18', title: 'one after another, every load and every refusal is the one expected, also after faults',
    async run(context) {
      await forEachSeed(context.seeds(), async (random, seed) => {
        const name = `history-${seed}`
        const known = [0, 1].map((): Known => (
          { process: context.process(name), saved: undefined, unsaved: {}, isStale: false }))
        const stored = {}
        for (let step = 0; step < STEPS; step += 1) {
          const self = random.pick(known)
          if (random.integer(0, 4) === 0) await load(self, known, stored, random)
          else await save(self, stored, random)
        }
        assert.deepEqual(await context.saved(name), expected(stored))
      })
    },
  },
  {
    id: 'offset-19', title: 'at once, nothing that was saved is lost, nothing goes back, and one is left that can save',
    async run(context) {
      await forEachSeed(context.seeds(), (random, seed) => race(context, random, `race-${seed}`))
    },
  },
]

async function load(
  self: Known, all: readonly Known[], stored: Record<string, bigint>, random: SeededRandom,
): Promise<void> {
  const fault = random.pick(['none', 'none', 'before', 'after'] as const)
  self.process.faults.push(fault)
  const outcome = await outcomeOf(self.process.load())
  if (fault !== 'before') for (const other of all) other.isStale = other !== self || other.isStale
  if ('value' in outcome) assert.deepEqual(outcome.value, expected(stored))
  assert.equal('value' in outcome, fault === 'none')
  Object.assign(self, { saved: fault === 'none' ? { ...stored } : undefined, unsaved: {}, isStale: false })
}

async function save(self: Known, stored: Record<string, bigint>, random: SeededRandom): Promise<void> {
  const offsets = Object.fromEntries(STREAMS.filter(() => random.next() < 0.5)
    .map((stream) => [stream, BigInt(random.integer(0, 40))]))
  const { saved } = self
  if (saved !== undefined) raise(self.unsaved, offsets)
  const isChange = saved !== undefined && Object.entries(self.unsaved).some(([key, n]) => n > (saved[key] ?? -1n))
  const fault = isChange && !self.isStale ? random.pick(['none', 'none', 'before', 'after'] as const) : 'none'
  if (fault !== 'none') self.process.faults.push(fault)
  const outcome = await outcomeOf(self.process.save(offsets))
  const code = 'error' in outcome && isWaybillError(outcome.error) ? outcome.error.code : String(Object.keys(outcome))
  if (saved === undefined) return assert.equal(code, 'VALIDATION')
  // One that knows, says so even where nothing changes.
  if (self.isStale) return assert.ok(code === 'STALE_OWNER' || (!isChange && code === 'value'), code)
  // A store that finds what it had written may have nothing left to fail at.
  const isDone = fault === 'none' || (fault === 'after' && code === 'value')
  assert.equal(code, isDone ? 'value' : 'STORE_UNAVAILABLE')
  if (fault !== 'before') raise(stored, self.unsaved)
  if (!isDone) return
  raise(saved, self.unsaved)
  self.unsaved = {}
}

async function race(context: OffsetContext, random: SeededRandom, name: string): Promise<void> {
  const processes = [await context.owner(name), await context.owner(name)]
  const durable: Record<string, bigint> = {}
  const answers: Record<string, bigint>[] = []
  const work = Array.from({ length: STEPS }, async () => {
    const process = random.pick(processes)
    if (random.integer(0, 3) === 0) {
      const before = { ...durable }
      const loaded = await process.load()
      for (const [key, offset] of Object.entries(before)) assert.ok((loaded[key] ?? -1n) >= offset, `${key} went back`)
      answers.push(loaded)
      return
    }
    const offsets = Object.fromEntries(STREAMS.map((stream) => [stream, BigInt(random.integer(0, 40))]))
    const outcome = await outcomeOf(process.save(offsets))
    if ('value' in outcome) raise(durable, offsets)
    else assert.ok(isWaybillError(outcome.error, 'STALE_OWNER'), String(outcome.error))
  })
  await Promise.all(work)
  const able = await Promise.all(processes.map((process, n) => outcomeOf(process.save({ [`last-${n}`]: 1n }))))
  assert.equal(able.filter((outcome) => 'value' in outcome).length, 1)
  const last = await context.saved(name)
  for (const offsets of [durable, ...answers]) {
    for (const [key, offset] of Object.entries(offsets)) assert.ok((last[key] ?? -1n) >= offset, `${key} was lost`)
  }
}

function raise(into: Record<string, bigint>, offsets: Record<string, bigint>): void {
  for (const [key, offset] of Object.entries(offsets)) if (offset > (into[key] ?? -1n)) into[key] = offset
}
