/** `offset-10` to `offset-17`, `offset-20`: what fails, what is hostile, and what is large. */
import assert from 'node:assert/strict'
import { isWaybillError } from '../../core/errors.js'
import { MAX_OFFSET_KEY_BYTES } from '../../core/limits.js'
import { DEFAULT_SCOPE, scopeId } from '../../core/scope.js'
import { MAX_U64 } from '../../core/u64.js'
import { offsetKey } from '../../journal/offset-store.js'
import { expected, NAME, outcomeOf, rejectsWith, toRecord, type OffsetCase } from './context.js'

export const faultCases: readonly OffsetCase[] = [
  {
    id: 'offset-10', title: 'a save that failed is repeated, or written with the next one',
    async run(context) {
      const owner = await context.owner()
      owner.faults.push('before')
      const error = await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ a: 1n }))
      assert.equal(error.retryable, true)
      await owner.save({ a: 1n })
      owner.faults.push('before', 'before')
      await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ a: 2n, b: 2n }))
      await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ c: 2n }))
      await owner.save({ d: 1n })
      assert.deepEqual(await context.saved(), expected({ a: 2n, b: 2n, c: 2n, d: 1n }))
    },
  },
  {
    id: 'offset-11', title: 'a save that failed after it took effect is repeated; it was nobody else',
    async run(context) {
      const owner = await context.owner()
      for (const [n, faults] of ([['after'], ['after', 'after'], ['after', 'before', 'after']] as const).entries()) {
        const offset = BigInt(n) * 10n
        owner.faults.push(...faults)
        await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ a: offset + 1n }))
        while (owner.faults.length > 0) {
          // A store that finds what it had written may have nothing left to fail at.
          const outcome = await outcomeOf(owner.save({ a: offset + 1n }))
          if ('value' in outcome) owner.faults.length = 0
          else assert.ok(isWaybillError(outcome.error, 'STORE_UNAVAILABLE'), String(outcome.error))
        }
        await owner.save({ a: offset + 1n })
        owner.faults.push('after')
        await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ a: offset + 2n }))
        await owner.save({ a: offset + 3n, [`s${n}`]: 1n })
      }
      owner.faults.push('after')
      await rejectsWith('STORE_UNAVAILABLE', () => owner.save({ a: 50n }))
      assert.deepEqual(await context.saved(), expected({ a: 50n, s0: 1n, s1: 1n, s2: 1n }))
      await rejectsWith('STALE_OWNER', () => owner.save({ a: 51n }))
    },
  },
  {
    id: 'offset-12', title: 'a save beside a take-over is in what that answers, or is refused',
    async run(context) {
      let owner = await context.owner()
      for (let round = 1n; round <= 20n; round += 1n) {
        const next = context.process()
        const saving = outcomeOf(owner.save({ a: round }))
        const loading = next.load()
        // Of the new owner, made before it has finished loading.
        const early = next.save({ b: round })
        const [saved, loaded] = [await saving, await loading]
        await early
        if ('error' in saved) assert.ok(isWaybillError(saved.error, 'STALE_OWNER'), String(saved.error))
        else assert.equal(loaded['a'], round)
        assert.equal(loaded['b'] ?? 0n, round - 1n)
        owner = next
      }
    },
  },
  {
    id: 'offset-13', title: 'a save before the first load, or of what is no key or no offset, is a mistake',
    async run(context) {
      const process = context.process()
      await rejectsWith('VALIDATION', () => process.save({ a: 1n }))
      await process.load()
      const bad: [string, unknown][] = [
        ['', 1n], [' ', 1n], ['a\u0000', 1n], ['\ud800', 1n], ['x'.repeat(MAX_OFFSET_KEY_BYTES + 1), 1n],
        ['a', -1n], ['a', MAX_U64 + 1n], ['a', 0.5], ['a', '1'], ['a', undefined],
      ]
      for (const [key, offset] of bad) {
        await rejectsWith('VALIDATION', () => process.store.save(new Map([['good', 1n], [key, offset as bigint]])))
      }
      assert.deepEqual(await context.saved(), expected({}))
    },
  },
  {
    id: 'offset-14', title: 'what is damaged is an error, never an empty map', spoils: true,
    async run(context) {
      const owner = await context.owner()
      await owner.save({ a: 1n })
      await owner.save({ a: 2n })
      await context.opened.spoil?.(NAME)
      const process = context.process()
      for (let time = 0; time < 2; time += 1) {
        const error = await rejectsWith('CORRUPT', () => process.load())
        assert.equal(error.details['name'], NAME)
      }
      await rejectsWith('VALIDATION', () => process.save({ a: 3n }))
    },
  },
  {
    id: 'offset-15', title: 'of a store that is closed, load and save are errors',
    async run(context) {
      const owner = await context.owner()
      await owner.save({ a: 1n })
      await context.opened.shut()
      await rejectsWith('CLOSED', () => owner.save({ a: 2n }))
      await rejectsWith('CLOSED', () => owner.load())
      await rejectsWith('CLOSED', () => context.process().load())
    },
  },
  {
    id: 'offset-16', title: 'streams and names of any text, and of any scope, keep apart',
    async run(context) {
      const texts = [
        `it's`, '"q"', 'back\\slash\\', '$1 $2', '?1', '{a,b}', 'NULL', ' x ', '--', '日本 🚚', '\u0001\u007f',
        '__proto__', 'constructor', '\ufeffbom', 'a', 'A', 'é', 'e\u0301', '%', 'outbox::x::offsets', 'x'.repeat(1_024),
      ]
      const scopes = [DEFAULT_SCOPE, scopeId('b'), scopeId('7:default:')]
      const streams = [...texts, 'scope:1:b:a', 'scope:7:default:a', '7:default:a']
      const keys = scopes.flatMap((scope) => streams.map((stream) => offsetKey({ scope, stream })))
      assert.equal(new Set(keys).size, scopes.length * streams.length)
      assert.equal(offsetKey({ scope: DEFAULT_SCOPE, stream: 'a' }), 'a')
      const offsets = new Map(keys.map((key, n) => [key, BigInt(n)]))
      const names = texts.filter((text) => text.length < 255)
      for (const name of names.slice(0, 3)) await (await context.owner(name)).store.save(offsets)
      for (const [n, name] of names.entries()) await (await context.owner(name)).save({ n: BigInt(n) })
      for (const [n, name] of names.entries()) {
        const all = n < 3 ? new Map([...offsets, ['n', BigInt(n)]]) : new Map([['n', BigInt(n)]])
        assert.deepEqual(await context.saved(name), toRecord(all))
      }
    },
  },
  {
    id: 'offset-17', title: 'ten thousand streams, then one of them',
    async run(context) {
      const many = new Map(Array.from({ length: 10_000 }, (_, n) => [`s${n}`, BigInt(n)]))
      const owner = await context.owner()
      await owner.store.save(many)
      await owner.save({ s77: 1_000n })
      assert.deepEqual(await context.saved(), toRecord(many.set('s77', 1_000n)))
    },
  },
  {
    id: 'offset-20', title: 'a take-over that failed is no take-over; the next one is, whatever the first did',
    async run(context) {
      const first = await context.owner()
      await first.save({ a: 1n })
      const second = context.process()
      second.faults.push('before', 'after')
      for (let time = 0; time < 2; time += 1) {
        await rejectsWith('STORE_UNAVAILABLE', () => second.load())
        await rejectsWith('VALIDATION', () => second.save({ a: 9n }))
      }
      assert.deepEqual(await second.load(), expected({ a: 1n }))
      await rejectsWith('STALE_OWNER', () => first.save({ a: 3n }))
      await second.save({ a: 2n })
      second.faults.push('before')
      await rejectsWith('STORE_UNAVAILABLE', () => second.load())
      await rejectsWith('VALIDATION', () => second.save({ a: 9n }))
      assert.deepEqual(await second.load(), expected({ a: 2n }))
    },
  },
]
