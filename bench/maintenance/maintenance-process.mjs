// A maintenance, as it is by default, that deletes for as long as it is told or until nothing is left.
import { setTimeout as pause } from 'node:timers/promises'
import { openWaybill } from './opening.mjs'

const [kind, address, options = '{}'] = process.argv.slice(2)
const waybill = openWaybill(kind, address)

process.on('message', async ({ forMs }) => {
  const batches = []
  const maintenance = waybill.maintenance({
    onBatch: (batch) => {
      if (batch.removed > 0) batches.push(batch)
    },
    ...JSON.parse(options),
  })
  const work = maintenance.runOnce()
  const end = new AbortController()
  await Promise.race([work, pause(forMs, undefined, { signal: end.signal }).catch(() => undefined)])
  end.abort()
  await maintenance.stop()
  const { removed, durationMs, kinds } = await work
  const failed = kinds.find(({ error }) => error !== undefined)
  if (failed !== undefined) throw failed.error
  process.send({ removed, durationMs, batches: batches.map(({ removed: size, durationMs: ms }) => ({ size, ms })) })
})
process.on('disconnect', () => waybill.close())
process.send('ready')
