/** `subscriber-history-*`: random histories of a feed and its subscriber. A failure names its seed and steps. */
import assert from 'node:assert/strict'
import { describeError } from '../../core/errors.js'
import { DEFAULT_SCOPE, scopedName } from '../../core/scope.js'
import { forEachSeed } from '../random.js'
import type { SubscriberCase } from './case.js'
import { SubscriberHistory } from './history.js'

export const historyCases: readonly SubscriberCase[] = [
  {
    id: 'subscriber-history-1', title: 'random histories under all starts and policies agree with the model',
    async run(context) {
      const { first, count } = context.histories
      assert.ok(count > 0, 'no histories')
      await forEachSeed(Array.from({ length: count }, (_, n) => first + n), async (random, seed) => {
        const history = new SubscriberHistory(context, random, `history ${seed}`)
        try {
          await history.run()
        } catch (cause) {
          throw new Error(`${describeError(cause)}\nafter ${history.steps.join(', ')}`, { cause })
        }
        await context.store.checkpoints.forget(scopedName(DEFAULT_SCOPE, `history ${seed}`))
      })
    },
  },
]
