import { describe, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { heapSuite, openedHeaps } from '../../src/testkit/index.js'

describe('memory', () => heapSuite({
  test,
  async open(settings) {
    const store = memory(settings)
    return openedHeaps({ store: store.heaps!, other: store.heaps!, close: () => store.close() })
  },
}))
