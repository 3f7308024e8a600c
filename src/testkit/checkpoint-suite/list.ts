/** `checkpoint-list-*`, `checkpoint-dead-*` and `checkpoint-discard-*`. */
import assert from 'node:assert/strict'
import type { SubscriberState } from '../../feeds/checkpoints.js'
import type { CheckpointCase } from './case.js'
import {
  checkpointOf, deadOf, draftsOf, HOSTILE_TEXTS, NAME, type CheckpointContext,
} from './context.js'

async function pagesOf(context: CheckpointContext, limit: number): Promise<readonly SubscriberState[]> {
  const all: SubscriberState[] = []
  for (let after = ''; ;) {
    const page = await context.store.list({ after, limit })
    assert.ok(page.length <= limit)
    const last = page.at(-1)
    if (last === undefined) return all
    all.push(...page)
    after = last.subscriber
  }
}

export const listCases: readonly CheckpointCase[] = [
  {
    id: 'checkpoint-list-1', title: 'pages of any size give each once, in the order of the bytes',
    async run(context) {
      const names = ['B', 'a', 'b', 'é', 'a b', 'a!', 'ab', '日本', '\u{1f9fe}', '\uffee', '{a}', '10', '9']
      for (const [n, name] of names.entries()) {
        const { term } = await context.take('a', name)
        // Some with one checkpoint, some with several, some with none.
        const checkpoints = Array.from({ length: n % 3 }, (_, feed) => checkpointOf(`feed-${feed}`, BigInt(n)))
        await context.save(term, { subscriber: name, checkpoints })
      }
      const sorted = names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      const whole = await context.store.list({ after: '', limit: 1_000 })
      assert.deepEqual(whole.map(({ subscriber }) => subscriber), sorted)
      const counts = whole.map(({ checkpoints }) => checkpoints.length)
      assert.deepEqual(counts, sorted.map((name) => names.indexOf(name) % 3))
      for (const limit of [1, 2, 5, names.length]) assert.deepEqual(await pagesOf(context, limit), whole)
    },
  },
  {
    id: 'checkpoint-list-2', title: 'what was forgotten, or never was, is not listed, and takes no place of a page',
    async run(context) {
      for (const name of ['a', 'b', 'c', 'd']) await context.take('x', name)
      await context.store.forget('a')
      await context.store.forget('c')
      const page = await context.store.list({ after: '', limit: 2 })
      assert.deepEqual(page.map(({ subscriber }) => subscriber), ['b', 'd'])
      assert.deepEqual(await context.store.list({ after: 'd', limit: 2 }), [])
    },
  },
  {
    id: 'checkpoint-dead-1', title: 'a dead letter has its result, byte for byte, and when it was given up',
    async run(context) {
      const { term } = await context.take('a')
      const first = context.clock.now()
      const whole = deadOf(2n ** 64n - 1n, { data: Uint8Array.from({ length: 256 }, (_, n) => n), error: '' })
      await context.save(term, { dead: [deadOf(9n), whole] })
      context.clock.advance(10)
      await context.save(term, { dead: [deadOf(3n, { data: new Uint8Array(), feed: 'stock' })] })
      const letters = await context.dead()
      assert.deepEqual(draftsOf(letters), [deadOf(9n), whole, deadOf(3n, { data: new Uint8Array(), feed: 'stock' })])
      assert.deepEqual(letters.map(({ diedAt }) => diedAt), [first, first, first + 10])
      assert.ok(letters.every(({ subscriber }) => subscriber === NAME))
      assert.ok(letters.every(({ number }, n) => number > (letters[n - 1]?.number ?? 0n)), 'numbers do not ascend')
    },
  },
  {
    id: 'checkpoint-dead-2', title: 'pages of any size give each once',
    async run(context) {
      const { term } = await context.take('a')
      const dead = Array.from({ length: 25 }, (_, n) => deadOf(BigInt(100 - n)))
      await context.save(term, { dead })
      for (const limit of [1, 4, 25, 1_000]) {
        const read = []
        for (let after = 0n; ;) {
          const page = await context.dead(NAME, after, limit)
          const last = page.at(-1)
          if (last === undefined) break
          assert.ok(page.length <= limit)
          read.push(...page)
          after = last.number
        }
        assert.deepEqual(draftsOf(read), dead)
      }
      assert.deepEqual(await context.dead(NAME, 2n ** 64n - 1n), [])
    },
  },
  {
    id: 'checkpoint-dead-3', title: 'what is given up again is there once, as the latest; of each incarnation',
    async run(context) {
      const { term } = await context.take('a')
      await context.save(term, { dead: [deadOf(1n), deadOf(2n), deadOf(1n, { incarnation: 'i-2' })] })
      context.clock.advance(10)
      const again = deadOf(1n, { attempts: 3, error: 'again', data: Uint8Array.from([1]) })
      await context.save(term, { dead: [again] })
      const letters = await context.dead()
      assert.deepEqual(draftsOf(letters), [deadOf(2n), deadOf(1n, { incarnation: 'i-2' }), again])
      assert.equal(letters[2]?.diedAt, context.clock.now())
    },
  },
  {
    id: 'checkpoint-dead-4', title: 'each subscriber has its own, and the numbers order those of all',
    async run(context) {
      const { term } = await context.take('a')
      const other = await context.take('a', 'other')
      await context.save(term, { dead: [deadOf(1n)] })
      await context.save(other.term, { subscriber: 'other', dead: [deadOf(1n, { error: 'another' })] })
      await context.save(term, { dead: [deadOf(2n)] })
      const [own, others] = [await context.dead(), await context.dead('other')]
      assert.deepEqual([own.length, others.map(({ error }) => error)], [2, ['another']])
      const numbers = [own[0]?.number, others[0]?.number, own[1]?.number]
      assert.deepEqual(numbers, numbers.toSorted((a = 0n, b = 0n) => (a < b ? -1 : 1)))
      assert.deepEqual(await context.dead('unknown'), [])
    },
  },
  {
    id: 'checkpoint-dead-5', title: 'names and errors may be anything',
    async run(context) {
      const { term } = await context.take('a')
      const dead = HOSTILE_TEXTS.map((text, n) => deadOf(BigInt(n), { feed: text, incarnation: text, error: text }))
      assert.equal(await context.save(term, { dead }), true)
      assert.deepEqual(draftsOf(await context.dead()), dead)
    },
  },
  {
    id: 'checkpoint-discard-1', title: 'those named go, and are counted; the others stay, also those of others',
    async run(context) {
      const { term } = await context.take('a')
      const other = await context.take('a', 'other')
      const dead = Array.from({ length: 6 }, (_, n) => deadOf(BigInt(n)))
      await context.save(term, { dead })
      // A subscriber's numbers are its own: where they are times, those of one moment are the same.
      context.clock.advance(1)
      await context.save(other.term, { subscriber: 'other', dead: [deadOf(9n)] })
      const numbers = (await context.dead()).map(({ number }) => number)
      const [others] = await context.dead('other')
      const gone = [numbers[4], numbers[1], numbers[1], others?.number, 0n, 2n ** 63n, 2n ** 64n - 1n]
      const discard = { subscriber: NAME, numbers: gone.map((number = 0n) => number) }
      assert.equal(await context.store.discard(discard), 2)
      assert.equal(await context.store.discard(discard), 0)
      assert.deepEqual(draftsOf(await context.dead('other')), [deadOf(9n)])
      assert.deepEqual(draftsOf(await context.dead()), [0, 2, 3, 5].map((n) => dead[n]))
      assert.equal(await context.store.discard({ subscriber: 'unknown', numbers }), 0)
      assert.equal(await context.store.discard({ subscriber: NAME, numbers: [] }), 0)
      const rest = (await context.dead()).map(({ number }) => number)
      assert.equal(await context.other.discard({ subscriber: NAME, numbers: rest }), rest.length)
      assert.deepEqual(await context.dead(), [])
      assert.equal(await context.save(term, { dead: [deadOf(7n)] }), true)
      assert.deepEqual(draftsOf(await context.dead()), [deadOf(7n)])
    },
  },
  {
    id: 'checkpoint-discard-2', title: 'what was given up again since it was listed stays',
    async run(context) {
      const { term } = await context.take('a')
      await context.save(term, { dead: [deadOf(1n), deadOf(2n)] })
      const numbers = (await context.dead()).map(({ number }) => number)
      const again = deadOf(1n, { error: 'again' })
      await context.save(term, { dead: [again] })
      assert.equal(await context.store.discard({ subscriber: NAME, numbers }), 1)
      assert.deepEqual(draftsOf(await context.dead()), [again])
    },
  },
]
