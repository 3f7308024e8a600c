/** The heaps of two stores on one database, for the suite. */
import type { SqlExecutor } from '../../src/core/sql.js'
import { openedHeaps, type OpenedHeaps } from '../../src/testkit/index.js'
import type { OpenPair } from './store-pairs.js'

export function heapsOf(open: OpenPair): (settings: object) => Promise<OpenedHeaps> {
  return async (settings) => {
    const { stores: [store, other], table, close } = await open(settings)
    return openedHeaps({
      store: store!.heaps!,
      other: other!.heaps!,
      async setFailures(heap, id, failures) {
        const text = `update ${table('dlq_entry')} set failures = ${failures} where heap = '${heap}' and id = '${id}'`
        await other!.transaction((handle) => (other!.bind(handle) as SqlExecutor).execute({ text, params: [] }))
      },
      close,
    })
  }
}
