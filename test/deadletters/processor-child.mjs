/** A processor in a process of its own. It hangs before its quarantine or behind it, says so, and waits to be killed. */
import { createJiti } from 'jiti'

const jiti = createJiti(import.meta.url)
const { sqlite } = await jiti.import('../../src/sqlite.ts')
const { createWaybill } = await jiti.import('../../src/waybill.ts')
const { DlqProcessor } = await jiti.import('../../src/deadletters/processor.ts')
const { setAside } = await jiti.import('./set-aside.ts')

const [path, moment] = process.argv.slice(2)
const store = sqlite({ path, busyTimeoutMs: 20_000 })
const processor = new DlqProcessor({
  heap: createWaybill({ store }).heap('mailer'),
  onError: (error) => process.stdout.write(`${error}\n`),
  async quarantine(entries) {
    if (moment === 'behind') await setAside(store, entries)
    process.stdout.write(`${moment} ${entries.length}\n`)
    return new Promise(() => setInterval(() => undefined, 60_000))
  },
})
await processor.start()
