import { describe, test } from 'vitest'
import { memory } from '../../src/memory.js'
import { progressStoreSuite } from '../../src/testkit/index.js'

describe('memory', () => progressStoreSuite({
  test,
  async open(settings) {
    const store = memory(settings)
    return { store: store.progress!, other: store.progress!, close: () => store.close() }
  },
}))
