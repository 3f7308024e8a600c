/** A folder whose configuration names a memory store that outlives each run of the program. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { memory } from '../../src/memory.js'
import type { Store } from '../../src/store.js'
import { createWaybill } from '../../src/waybill.js'
import type { OutboxMessageDraft } from '../../src/outbox/message.js'
import { runCli, temporaryFolder, type RunOptions, type RunResult } from './program.js'

declare global {
  var waybillTestStores: Map<string, Store> | undefined
}

export interface MemoryShop {
  readonly path: string
  readonly waybill: ReturnType<typeof createWaybill>
  readonly store: Store
  cli(argv: readonly string[], options?: RunOptions): Promise<RunResult>
  json<T>(...argv: string[]): Promise<T>
  enqueue(draft: Partial<OutboxMessageDraft>): Promise<string>
  /** Enqueues and has it die with these errors, one per attempt. */
  enqueueDead(draft: Partial<OutboxMessageDraft>, errors?: readonly string[]): Promise<string>
  setNow(now: number): void
  remove(): void
}

/** What the store does may be replaced, to have it fail. */
export function openMemoryShop(change: (store: Store) => Partial<Store> = () => ({})): MemoryShop {
  const folder = temporaryFolder()
  let now: number | undefined
  const real = memory({ now: () => now ?? Date.now() }) as Store
  const store: Store = { ...real, ...change(real), close: async () => undefined }
  globalThis.waybillTestStores ??= new Map()
  globalThis.waybillTestStores.set(folder.path, store)
  writeFileSync(join(folder.path, 'waybill.config.mjs'),
    `export const config = { store: globalThis.waybillTestStores.get(${JSON.stringify(folder.path)}) }\n`)
  const waybill = createWaybill({ store: real })
  const enqueue = async (draft: Partial<OutboxMessageDraft>): Promise<string> =>
    (await waybill.outbox.enqueueAlone({ type: 'order.placed', target: 'mailer', payload: { orderId: 'o-7' }, ...draft })).id
  const cli = (argv: readonly string[], options: RunOptions = {}): Promise<RunResult> =>
    runCli(argv, { cwd: folder.path, ...options })
  return {
    path: folder.path, waybill, store, cli, enqueue,
    json: async <T>(...argv: string[]) => JSON.parse((await cli([...argv, '--json'])).stdout) as T,
    async enqueueDead(draft, errors = ['HTTP 500', 'HTTP 422']) {
      const id = await enqueue({ maxAttempts: errors.length, ...draft })
      const { lane = 'default', target = 'mailer' } = draft
      for (const error of errors) {
        const claim = await waybill.outbox.claim({ lane, target, consumer: 'worker-1', limit: 1 })
        await waybill.outbox.nack(claim!.messages[0]!.id, claim!.token, error, { retryInMs: 0 })
      }
      return id
    },
    setNow(value) {
      now = value
    },
    remove() {
      globalThis.waybillTestStores?.delete(folder.path)
      folder.remove()
    },
  }
}
