/** `heap-count-*`, `heap-id-*`, `heap-name-*` and `heap-close-*`. */
import assert from 'node:assert/strict'
import { HOSTILE_TEXTS } from '../checkpoint-suite/context.js'
import {
  confirm, countsOf, MAX_FAILURES, LEASE_MS, NAME, refused, rejectsWith, type HeapCase,
} from './context.js'

/** Also what other keys, fields and tokens are called. */
const HOSTILE_IDS = [...new Set([
  ...HOSTILE_TEXTS.filter((text) => text.trim() !== ''), 'dlq', 'failures', 'i_token', 'constructor', 'toString', '0',
  '-1', '1', '01', '1.0', 'nan', '+inf', '(1', '-', 'A', 'a', 'a ', ' a', 'é', 'e\u0301',
])]

export const countCases: readonly HeapCase[] = [
  {
    id: 'heap-count-1', title: 'failures are counted one by one, of all processes together, each id for itself',
    async run(context) {
      await context.fail('a', 5)
      await context.fail('b', 3)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(1)), { a: 5, b: 3 })
    },
  },
  {
    id: 'heap-count-2', title: 'a success ends the row: what fails then is counted from one; unknown ids are nothing',
    async run(context) {
      await context.fail('a', 9, 'before')
      await context.fail('b', 2)
      await context.other.recordSuccess('a')
      await context.heap.recordSuccess('unknown')
      await context.fail('a', 1)
      const entries = await context.heap.drainExceeded(1)
      assert.deepEqual(countsOf(entries), { a: 1, b: 2 })
      assert.ok(!('lastError' in (entries.find(({ id }) => id === 'a') ?? {})), 'an error of the row before')
    },
  },
  {
    id: 'heap-count-3', title: 'the latest error that was given is kept; where none was, there is none',
    async run(context) {
      await context.fail('a', 1, 'first')
      await context.fail('a', 1, 'second')
      await context.fail('a', 1)
      await context.fail('b', 1)
      await context.fail('c', 1, '')
      const entries = await context.heap.drainExceeded(1)
      assert.deepEqual(entries.toSorted((x, y) => (x.id < y.id ? -1 : 1)),
        [{ id: 'a', failures: 3, lastError: 'second' }, { id: 'b', failures: 1 },
          { id: 'c', failures: 1, lastError: '' }])
    },
  },
  {
    id: 'heap-count-4', title: 'an error is stored whatever it holds, at most 2,000 characters of it',
    async run(context) {
      const errors = [...HOSTILE_TEXTS, 'nul \u0000 and half \ud83e', 'x'.repeat(100_000), '🧾'.repeat(50_000)]
      for (const [n, error] of errors.entries()) await context.fail(`${n}`, 1, error)
      const stored = new Map((await context.heap.drainExceeded(1)).map(({ id, lastError }) => [id, lastError]))
      for (const [n, error] of errors.entries()) {
        const found = stored.get(`${n}`) ?? assert.fail(`the error ${n} is not there`)
        assert.ok(found.length <= 2_000 && found.isWellFormed())
        if (n < HOSTILE_TEXTS.length) assert.equal(found, error)
        else assert.equal(found.slice(0, 4), error.slice(0, 4))
      }
    },
  },
  {
    id: 'heap-count-5', title: 'a count stops at 2,147,483,647, and still is over every threshold',
    needs: 'setFailures',
    async run(context) {
      for (const id of ['most', 'nearly']) await context.fail(id, 1)
      await context.opened.setFailures?.(NAME, 'most', MAX_FAILURES)
      await context.opened.setFailures?.(NAME, 'nearly', MAX_FAILURES - 1)
      await context.fail('most', 2)
      await context.fail('less', 2)
      assert.deepEqual(countsOf(await context.heap.drainExceeded(MAX_FAILURES)), { most: MAX_FAILURES })
      await context.fail('most', 1)
      await context.fail('nearly', 1)
      assert.deepEqual(countsOf(await context.other.drainExceeded(MAX_FAILURES)), { nearly: MAX_FAILURES })
      if (context.heap.confirmDrained === undefined) return
      await context.heap.confirmDrained(['most'])
      assert.deepEqual(await context.left(), { nearly: MAX_FAILURES, less: 2, most: 1 })
    },
  },
  {
    id: 'heap-id-1', title: 'an id is any text: none is another, and none breaks a drain',
    async run(context) {
      for (const [n, id] of HOSTILE_IDS.entries()) await context.fail(id, 1 + n % 3, id)
      const entries = await context.heap.drainExceeded(1)
      assert.deepEqual(new Map(entries.map(({ id, failures, lastError }) => [id, [failures, lastError]])),
        new Map(HOSTILE_IDS.map((id, n) => [id, [1 + n % 3, id]])))
      for (const [n, id] of HOSTILE_IDS.entries()) if (n % 2 === 0) await context.heap.recordSuccess(id)
      await context.heap.confirmDrained?.(HOSTILE_IDS)
      assert.deepEqual(await context.left(), {})
    },
  },
  {
    id: 'heap-id-2', title: 'a blank id, one with NUL or half a character, or one too long is refused by name',
    async run(context) {
      const bad = ['', ' ', '\n', 'a\u0000b', 'half \ud83e', 'x'.repeat(1_025), 'é'.repeat(513), 7, null, undefined]
      for (const id of bad as readonly string[]) {
        await refused('id', () => context.heap.recordFailure(id))
        await refused('id', () => context.heap.recordSuccess(id))
        if (context.heap.confirmDrained !== undefined) await refused('ids', () => confirm(context.heap, ['a', id]))
      }
      assert.deepEqual(await context.left(), {})
    },
  },
  {
    id: 'heap-name-1', title: 'heaps of other names have nothing in common, whatever they are called',
    async run(context) {
      const names = HOSTILE_IDS.filter((name) => Buffer.byteLength(name) <= 255)
      for (const [n, name] of names.entries()) {
        const heap = context.opened.open(name, LEASE_MS)
        for (let failures = 0; failures <= n % 3; failures += 1) await heap.recordFailure('same')
        await heap.recordFailure(name)
      }
      await context.opened.open(names[0]!, LEASE_MS).recordSuccess('same')
      for (const [n, name] of names.entries()) {
        const found = countsOf(await context.opened.openOther(name, LEASE_MS).drainExceeded(1))
        assert.deepEqual(found, n === 0 ? { [name]: 1 } : { same: n % 3 + 1, [name]: 1 })
      }
    },
  },
  {
    id: 'heap-close-1', title: 'later calls throw CLOSED; another process goes on',
    async run(context) {
      await context.fail('a', 2)
      await context.opened.shut()
      await context.opened.shut()
      await rejectsWith('CLOSED', () => context.heap.recordFailure('a'))
      await rejectsWith('CLOSED', () => context.heap.recordSuccess('a'))
      await rejectsWith('CLOSED', () => context.heap.drainExceeded(1))
      if (context.heap.confirmDrained !== undefined) await rejectsWith('CLOSED', () => confirm(context.heap, ['a']))
      if (context.opened.purge !== undefined) await rejectsWith('CLOSED', () => context.purge({ olderThanMs: 0 }))
      const counts = await context.other.drainExceeded(1).then(countsOf, () => undefined)
      assert.ok(counts === undefined || counts['a'] === 2, 'what the other has is another count')
    },
  },
]
