/** `feed-history-*`: random histories, each step compared with the model. A failure names its seed and steps. */
import assert from 'node:assert/strict'
import { describeError } from '../../core/errors.js'
import { forEachSeed } from '../random.js'
import type { FeedCase } from './case.js'
import { FeedContext } from './context.js'
import { FeedHistory } from './history.js'
import type { OpenedFeeds } from './options.js'

/** Stores are opened for so many histories at a time, and opened anew behind them. */
const PER_STORE = 50

export interface FeedHistoriesOptions<Tx> {
  open(): Promise<OpenedFeeds<Tx>>
  /** How many. */
  readonly count: number
  /** Of the first one. Default 1. */
  readonly seed?: number
}

/** Runs histories by themselves, as many as asked for. @throws an error that names the seed and the steps. */
export async function feedHistories<Tx>({ open, count, seed = 1 }: FeedHistoriesOptions<Tx>): Promise<void> {
  for (let from = seed; from < seed + count; from += PER_STORE) {
    const histories = Math.min(PER_STORE, seed + count - from)
    const context = await FeedContext.create({ open, histories, seed: from })
    try {
      await runAll(context)
    } finally {
      await context.close()
    }
  }
}

async function runAll(context: FeedContext): Promise<void> {
  const histories: FeedHistory[] = []
  await forEachSeed(context.seeds(), async (random, seed) => {
    const history = new FeedHistory(context, random, `history ${seed}`)
    histories.push(history)
    try {
      await history.run()
    } catch (cause) {
      throw new Error(`${describeError(cause)}\nafter ${history.steps.join(', ')}`, { cause })
    }
  })
  if (context.opened.reopen === undefined) return
  await context.reopen()
  for (const history of histories) await history.compare()
}

export const historyCases: readonly FeedCase[] = [
  {
    id: 'feed-history-1', title: 'random histories of two committers agree with the model, also after a restart',
    async run({ options: { open, histories, seed } }) {
      assert.ok(histories > 0, 'no histories')
      await feedHistories({ open, count: histories, seed })
    },
  },
]
