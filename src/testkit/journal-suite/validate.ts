/** `valid-*`: what the surface refuses, before a store is asked. */
import assert from 'node:assert/strict'
import type { JournalCase } from './case.js'
import { eventOf, rejectsWith, STREAM, type EventPart } from './context.js'
import type { AppendToOptions } from '../../journal/journal.js'

const BAD_NAMES = ['', ' ', '\u0000', '\ud800', 7 as never]

export const validateCases: readonly JournalCase[] = [
  {
    id: 'valid-1', title: 'events that are not acceptable, each naming its field',
    async run(context) {
      const bad: [string, EventPart][] = [
        ...BAD_NAMES.flatMap((name): [string, EventPart][] => [
          ['stream', { stream: name }], ['type', { type: name }], ['manifest', { manifest: name }],
          ['tags', { tags: [name] }], ['contentType', { contentType: name, payload: Buffer.from('') }],
        ]),
        ['stream', { stream: 'x'.repeat(1_025) }], ['type', { type: 'é'.repeat(128) }],
        ['tags', { tags: Array.from({ length: 65 }, (_, n) => `t${n}`) }], ['tags', { tags: ['x'.repeat(256)] }],
        ['payload', { payload: undefined }], ['headers', { headers: { 'a b': '1' } }],
      ]
      for (const [field, part] of bad) {
        const error = await rejectsWith('VALIDATION', () => context.append({}, part))
        assert.equal(error.details['field'], field, JSON.stringify(part))
      }
      assert.deepEqual(await context.journal.streams(), [])
    },
  },
  {
    id: 'valid-2', title: 'options of an append that are not acceptable',
    async run(context) {
      const bad: [string, AppendToOptions][] = [
        ...[-1, 1.5, -1n, 2n ** 64n, 2 ** 53, '1' as never].map((expectedSequence): [string, AppendToOptions] =>
          ['expectedSequence', { expectedSequence }]),
        ['expectedSequence', { expectedSequence: { other: 0 } }],
        ...BAD_NAMES.flatMap((name): [string, AppendToOptions][] => [
          ['idempotencyKey', { idempotencyKey: name }], ['writerId', { writerId: name }], ['scope', { scope: name }],
        ]),
      ]
      for (const [field, options] of bad) {
        const error = await rejectsWith('VALIDATION', () => context.appendWith(options, {}))
        assert.equal(error.details['field'], field, field)
      }
      await rejectsWith('VALIDATION', () => context.appendWith({ expectedSequence: 0 }, {}, { stream: 'b' }))
      await rejectsWith('VALIDATION', () => context.journal.appendAlone(Array(10_001).fill(eventOf({}))))
    },
  },
  {
    id: 'valid-3', title: 'reads that are not acceptable',
    async run({ journal }) {
      const calls: readonly (() => Promise<unknown>)[] = [
        () => journal.read(''), () => journal.read(STREAM, { from: -1 }), () => journal.read(STREAM, { to: 2n ** 64n }),
        () => journal.read(STREAM, { limit: 1_001 }), () => journal.readAll({ limit: 0 }),
        () => journal.readAll({ limit: 1_001 }),
        () => journal.readByTag(''), () => journal.readAll({ scope: '' }), () => journal.streams({ limit: -1 }),
        () => journal.get(''), () => journal.highestSequence(' '), () => journal.deleteTo(STREAM, -1),
        () => journal.deleteTo(STREAM, 0.5), () => journal.head({ tag: '' }),
      ]
      for (const call of calls) await rejectsWith('VALIDATION', call)
    },
  },
]
