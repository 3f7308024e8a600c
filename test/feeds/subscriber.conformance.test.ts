/** The published suite of subscribers, over every store. */
import { describe, test } from 'vitest'
import { MemoryCheckpointStore } from '../../src/stores/memory/checkpoints.js'
import { MemoryFeedStore } from '../../src/stores/memory/feeds.js'
import { MemoryOutboxStore } from '../../src/stores/memory/outbox.js'
import { subscriberSuite } from '../../src/testkit/subscriber-suite/index.js'

describe('memory', () => subscriberSuite({
  test,
  open: async () => {
    const outbox = new MemoryOutboxStore({ retainDeliveredMs: 0 })
    return {
      feeds: new MemoryFeedStore(outbox), checkpoints: new MemoryCheckpointStore(),
      close: () => outbox.close(),
    }
  },
}))
