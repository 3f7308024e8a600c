import { describe, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { checkpointStoreSuite } from '../../src/testkit/index.js'

describe('memory', () => checkpointStoreSuite({
  test,
  async open(settings) {
    const store = memory(settings)
    return { store: store.checkpoints!, other: store.checkpoints!, close: () => store.close() }
  },
}))
