/** The published suite of publishers, over every store. */
import { test } from 'vitest'
import { publisherSuite } from '../../src/testkit/index.js'
import { onEveryStore } from '../support/whole-stores.js'

onEveryStore((open) => publisherSuite({
  test,
  open: async () => {
    const { store, close } = await open()
    return { journal: store.journal!, progress: store.progress!, close }
  },
}))
