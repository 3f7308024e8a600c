/** `progress-dead-*`: the events that a publisher gave up. */
import assert from 'node:assert/strict'
import { scopeId } from '../../core/scope.js'
import type { ProgressCase } from './case.js'
import { deadOf, NAME } from './context.js'

export const deadCases: readonly ProgressCase[] = [
  {
    id: 'progress-dead-1', title: 'a dead letter has all of its event and when it was given up; the latest is the last',
    async run(context) {
      const part = await context.takeAll('a')
      const first = context.clock.now()
      await context.save(part, { dead: [deadOf('e-9'), deadOf('e-1', { sequence: 5n })] })
      context.clock.advance(10)
      await context.save(part, { dead: [deadOf('e-5', { error: '' })] })
      const letters = await context.dead()
      assert.deepEqual(letters.map(({ number: _, ...letter }) => letter), [
        { ...deadOf('e-9'), diedAt: first }, { ...deadOf('e-1', { sequence: 5n }), diedAt: first },
        { ...deadOf('e-5', { error: '' }), diedAt: first + 10 },
      ])
      assert.ok(letters.every(({ number }, n) => number > (letters[n - 1]?.number ?? 0n)), 'numbers do not ascend')
    },
  },
  {
    id: 'progress-dead-2', title: 'pages of any size give each once; one scope, or all',
    async run(context) {
      const part = await context.takeAll('a')
      const [one, two] = [scopeId('tenant-1'), scopeId('tenant-2')]
      const dead = Array.from({ length: 25 }, (_, n) => deadOf(`e-${n}`, { scope: n % 3 === 0 ? one : two }))
      await context.save(part, { dead })
      for (const [scope, limit] of [[undefined, 4], [undefined, 25], [one, 2], [two, 100]] as const) {
        const ids: string[] = []
        for (let after = 0n; ;) {
          const page = await context.store.deadLetters({ publisher: NAME, scope, after, limit })
          if (page.length === 0) break
          assert.ok(page.length <= limit)
          ids.push(...page.map(({ id }) => id))
          after = page.at(-1)?.number ?? after
        }
        assert.deepEqual(ids, dead.filter((draft) => scope === undefined || draft.scope === scope).map(({ id }) => id))
      }
    },
  },
  {
    id: 'progress-dead-3', title: 'an event that is given up again is there once, as the latest',
    async run(context) {
      const part = await context.takeAll('a')
      await context.save(part, { dead: [deadOf('e-1'), deadOf('e-2')] })
      context.clock.advance(10)
      await context.save(part, { dead: [deadOf('e-1', { attempts: 3, error: 'again' })] })
      const letters = await context.dead()
      assert.deepEqual(letters.map(({ id, attempts, error }) => ({ id, attempts, error })), [
        { id: 'e-2', attempts: 20, error: 'refused' }, { id: 'e-1', attempts: 3, error: 'again' },
      ])
      assert.equal(letters[1]?.diedAt, context.clock.now())
    },
  },
  {
    id: 'progress-dead-4', title: 'one event given up by two publishers is a dead letter of each',
    async run(context) {
      const part = await context.takeAll('a')
      const other = await context.takeAll('a', { publisher: 'other' })
      await context.save(part, { dead: [deadOf('e-1')] })
      const progress = { ...other, held: [], freed: [], dead: [deadOf('e-1', { error: 'another' })] }
      assert.deepEqual(await context.store.save({ publisher: 'other', parts: [progress] }), [true])
      assert.deepEqual((await context.dead()).map(({ error }) => error), ['refused'])
      assert.deepEqual((await context.dead('other')).map(({ error }) => error), ['another'])
      assert.deepEqual(await context.dead('unknown'), [])
    },
  },
]
