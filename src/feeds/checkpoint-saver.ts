/**
 * Writes the checkpoints that have moved, with the results that were given up before them, in one save.
 *
 * A save that fails may have taken effect; it is made again with all that has happened since. What moves while one is
 * under way is in the next.
 */
import { Saver } from '../runner/saver.js'
import type { Checkpoint, CheckpointStore, DeadResultDraft } from './checkpoints.js'
import type { SubscriberSettings } from './subscriber-options.js'
import type { Tenure } from './subscriber-tenure.js'

export interface CheckpointSaverPorts {
  readonly checkpoints: CheckpointStore
  readonly settings: SubscriberSettings
  readonly now: () => number
  /** The term is over: another process is the subscriber. */
  readonly onStale: (tenure: Tenure) => void
}

export class CheckpointSaver extends Saver<Tenure> {
  constructor({ checkpoints: store, settings, now, onStale }: CheckpointSaverPorts) {
    const { saveEvery, saveEveryMs } = settings
    super({
      saveEvery, saveEveryMs, now,
      write: async (tenure) => {
        if (tenure.isOver) return
        const moved = tenure.feeds.filter((feed) => feed.moves > (tenure.saved.get(feed) ?? 0))
        if (moved.length === 0) return
        const written = moved.map((feed) => ({ feed, moves: feed.moves, dead: feed.dead }))
        const checkpoints = moved.flatMap(({ checkpoint }): Checkpoint | [] => checkpoint ?? [])
        const dead = written.flatMap((one): readonly DeadResultDraft[] => one.dead)
        const { term } = tenure
        if (!await store.save({ subscriber: settings.key, term, checkpoints, dead })) return onStale(tenure)
        tenure.savedAt = now()
        for (const { feed, moves, dead: stored } of written) {
          tenure.saved.set(feed, moves)
          feed.dead = feed.dead.slice(stored.length)
        }
      },
    })
  }
}
