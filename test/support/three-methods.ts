import type { DlqHeap } from '../../src/deadletters/heap.js'

/** A heap as a third party's, which forgets what it has given. */
export function threeMethods(heap: DlqHeap): DlqHeap {
  return {
    recordFailure: (id, error) => heap.recordFailure(id, error),
    recordSuccess: (id) => heap.recordSuccess(id),
    async drainExceeded(threshold) {
      const entries = await heap.drainExceeded(threshold)
      for (const { id } of entries) await heap.recordSuccess(id)
      return entries
    },
  }
}
