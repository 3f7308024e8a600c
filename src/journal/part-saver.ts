/** Writes the progress of parts, with those of their events that were answered since the last write. */
import { Saver } from '../runner/saver.js'
import type { PublisherSettings } from './publisher-options.js'
import type { WorkingPart } from './publisher-part.js'
import type { Progress } from './working-parts.js'

export interface PartSaverPorts {
  readonly progress: Progress
  readonly settings: PublisherSettings
  readonly now: () => number
  /** The term is over: somebody else has the part. */
  readonly onStale: (part: WorkingPart) => void
}

/** A full save is also made when the part's cursor has only passed what is not followed. */
export class PartSaver extends Saver<WorkingPart> {
  constructor({ progress, settings, now, onStale }: PartSaverPorts) {
    const { saveEvery, saveEveryMs } = settings
    super({
      saveEvery, saveEveryMs, now,
      write: async (part, isFull) => {
        if (part.isLost) return
        const unsaved = part.takeUnsaved(now(), isFull)
        if (unsaved === undefined) return
        let answers: readonly boolean[]
        try {
          answers = await progress.save({ publisher: settings.name, parts: [unsaved.progress] })
        } catch (error) {
          unsaved.restore()
          throw error
        }
        if (answers[0] !== true) onStale(part)
      },
    })
  }
}
