/** Relays over ordered lanes: what handlers see, and what a relay that was told otherwise does. */
import { describe, expect, test } from 'vitest'
import { createWaybill, type LaneDeclarations, type Waybill } from '../../src/index.js'
import { memory } from '../../src/memory.js'
import { permanentError } from '../../src/core/transport.js'

const BLOCK: LaneDeclarations = { default: { ordering: 'block' } }

async function withWaybill(
  lanes: LaneDeclarations, work: (waybill: ReturnType<typeof open>) => Promise<void>,
): Promise<void> {
  const waybill = open(lanes)
  await waybill.migrate()
  try {
    await work(waybill)
  } finally {
    await waybill.close()
  }
}

function open(lanes: LaneDeclarations) {
  return createWaybill({ store: memory(), lanes })
}

async function put(waybill: ReturnType<typeof open>, count: number, key: string): Promise<string[]> {
  const ids: string[] = []
  for (let n = 0; n < count; n += 1) {
    ids.push((await waybill.outbox.enqueueAlone({ type: 't', target: 't', payload: n, key })).id)
  }
  return ids
}

describe('a relay of an ordered lane', () => {
  test('hands over the messages of a key one at a time, in order, and tries a failed one before the next', () =>
    withWaybill(BLOCK, async (waybill) => {
      const ids = [...await put(waybill, 20, 'a'), ...await put(waybill, 20, 'b')]
      const underWay = new Set<string | undefined>()
      const delivered: string[] = []
      const relay = waybill.relay({
        retry: { baseMs: 1, maxMs: 1 },
        handlers: {
          t: async (message) => {
            expect(underWay.has(message.key), `${message.key} is under way`).toBe(false)
            underWay.add(message.key)
            await new Promise((resolve) => { setImmediate(resolve) })
            underWay.delete(message.key)
            if (message.attempt === 1 && message.payload === 7) throw new Error('busy')
            delivered.push(message.id)
          },
        },
      })
      await relay.start()
      await new Promise<void>((resolve) => {
        relay.on('delivered', () => { if (delivered.length === 40) resolve() })
      })
      await relay.stop()
      for (const part of [ids.slice(0, 20), ids.slice(20)]) {
        expect(delivered.filter((id) => part.includes(id))).toEqual(part)
      }
    }))

  test('block: a dead letter keeps its key back until it is redriven, and is told to be redriven', () =>
    withWaybill(BLOCK, async (waybill) => {
      const [head = '', ...rest] = await put(waybill, 3, 'a')
      let isBroken = true
      const seen: [string, string | undefined][] = []
      const relay = waybill.relay({
        handlers: {
          t: (message) => {
            if (isBroken) throw permanentError('no')
            seen.push([message.id, message.headers['waybill-redriven']])
          },
        },
      })
      expect(await relay.drain()).toMatchObject({ deadLettered: 1, delivered: 0 })
      isBroken = false
      expect(await relay.drain()).toMatchObject({ claimed: 0 })
      expect(await waybill.outbox.redrive([head])).toEqual(['redriven'])
      expect((await relay.drain()).delivered).toBe(3)
      expect(seen.map(([id]) => id)).toEqual([head, ...rest])
      expect(seen.map(([, redriven]) => redriven)).toEqual([expect.stringMatching(/^\d+$/), undefined, undefined])
    }))

  test('does not start, run or drain when the lane is stored with another ordering', async () => {
    const store = memory()
    const stored = createWaybill({ store, lanes: BLOCK })
    await stored.migrate()
    const relayOf = (waybill: Pick<Waybill<never, never, Record<never, never>, boolean>, 'relay'>) =>
      waybill.relay({ handlers: { t: () => undefined } })
    const other = relayOf(createWaybill({ store, lanes: { default: { ordering: 'skip' } } }))
    await expect(other.start()).rejects.toMatchObject({
      code: 'LANE_MISMATCH', details: { lane: 'default', declared: 'skip', stored: 'block' },
    })
    await expect(other.runOnce()).rejects.toMatchObject({ code: 'LANE_MISMATCH' })
    const silent = relayOf(createWaybill({ store }))
    await silent.start()
    await silent.stop()
    await stored.close()
  })

  test.each([
    [{ default: { ordering: 'strict' } }], [{ default: null }], [{ default: 'block' }], [{ '': { ordering: 'block' } }],
  ])('a declaration that is none is refused: %j', (lanes) => {
    expect(() => createWaybill({ store: memory(), lanes: lanes as unknown as LaneDeclarations }))
      .toThrowError(expect.objectContaining({ code: 'VALIDATION' }))
  })
})
